"""Write docs/verdict.schema.json from the Verdict itself. usage: python docs/make_schema.py"""

import json
from pathlib import Path

from selection import Verdict

if __name__ == "__main__":
    text = json.dumps(Verdict.model_json_schema(), indent=2) + "\n"
    (Path(__file__).parent / "verdict.schema.json").write_text(text)
