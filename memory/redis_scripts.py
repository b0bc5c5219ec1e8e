"""The steps of the Redis book, in Lua. Redis runs each whole and alone.

    account     hash   the sum of each kind, settled and reserved; `entries`: how many were ever made; `server`: see OPEN
    reserved    hash   id -> [owner, number, unit…, stage]
    settled     hash   id -> [number, unit…, stage]; or "": the reservation was struck, and does not come back
    leases      hash   owner -> until when it counts as alive, in milliseconds of the server's clock

All four go together, when no step was taken for so long (KEEP_S): one that was alone would make another account of the rest.

Numbers are kept as text: a JSON number of Lua has 14 digits, and an account needs 16. Up to 2^53 its own are exact.
"""

from memory.book import ALL_LEFT
from memory.budget import KINDS

KEEP_S = 7 * 24 * 3600  # the Journal has it all

_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)
_BEGIN = f"""
local account, reserved, settled, leases = unpack(KEYS)
local kinds = {{{_KINDS}}}
local function text(number) return string.format('%.0f', number) end
local function lease(ms)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + ms
end
local function sums()
  local found = redis.call('HMGET', account, unpack(kinds))
  for place = 1, #kinds do found[place] = tonumber(found[place] or 0) end
  return found
end
local function add(units, sign)
  for place, kind in ipairs(kinds) do redis.call('HINCRBY', account, kind, text(sign * units[place] + 0)) end  -- not -0
end
local function units_of(entry) return {{unpack(entry, 3, 2 + #kinds)}} end
local function strike(id)
  local entry = redis.call('HGET', reserved, id)
  if not entry then return nil end
  entry = cjson.decode(entry)
  add(units_of(entry), -1)
  redis.call('HDEL', reserved, id)
  return entry
end
local function keep()
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, {KEEP_S}) end
end
"""

# server's run id, 1 where what was settled has been put there: then the sums are made anew, of the entries that are there
OPEN = (
    _BEGIN
    + """
if ARGV[2] == '1' then
  local entries = tonumber(redis.call('HGET', account, 'entries') or 0)
  redis.call('DEL', account)
  for _, entry in ipairs(redis.call('HVALS', settled)) do
    if entry ~= '' then
      entry = cjson.decode(entry)
      entries = math.max(entries, tonumber(entry[1]))
      add({unpack(entry, 2, 1 + #kinds)}, 1)
    end
  end
  for _, entry in ipairs(redis.call('HVALS', reserved)) do
    entry = cjson.decode(entry)
    entries = math.max(entries, tonumber(entry[2]))
    add(units_of(entry), 1)
  end
  redis.call('HSET', account, 'server', ARGV[1], 'entries', text(entries))
end
keep()
return redis.call('HGET', account, 'server') == ARGV[1] and 1 or 0
"""
)

# server's run id, owner, lease in ms, id, stage, what is asked of each kind, the cap of each kind
RESERVE = (
    _BEGIN
    + f"""
local server, owner, lease_ms, id, stage = unpack(ARGV)
if redis.call('HGET', account, 'server') ~= server
    or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= server then
  return {{'lost'}}
end
local used, granted = sums(), {{}}
local there = redis.call('HGET', reserved, id)
if there then
  for place, unit in ipairs(units_of(cjson.decode(there))) do granted[place] = tonumber(unit) end
else
  if redis.call('HEXISTS', settled, id) == 1 then return redis.error_reply('reservation ' .. id .. ' was struck') end
  for place = 1, #kinds do
    local asked, room = tonumber(ARGV[5 + place]), ARGV[5 + #kinds + place] - used[place]
    granted[place] = asked == {ALL_LEFT} and room or asked
    if asked ~= 0 and math.max(asked, 1) > room then return {{'full', unpack(used)}} end
  end
  local entry = {{owner, text(redis.call('HINCRBY', account, 'entries', 1))}}
  for place = 1, #kinds do entry[2 + place] = text(granted[place]) end
  entry[3 + #kinds] = stage
  redis.call('HSET', reserved, id, cjson.encode(entry))
  redis.call('HSET', leases, owner, text(lease(lease_ms)))
  add(granted, 1)
end
keep()
for place = 1, #kinds do used[#kinds + place] = granted[place] end
return {{'granted', unpack(used)}}
"""
)

# id, stage, what was spent of each kind
SETTLE = (
    _BEGIN
    + """
local before = redis.call('HGET', settled, ARGV[1])
if before and before ~= '' then return end
local entry, units = strike(ARGV[1]), {unpack(ARGV, 3)}
local number = entry and entry[2] or text(redis.call('HINCRBY', account, 'entries', 1))
add(units, 1)
units[#units + 1] = ARGV[2]
redis.call('HSET', settled, ARGV[1], cjson.encode({number, unpack(units)}))
keep()
"""
)

# id
RELEASE = (
    _BEGIN
    + """
strike(ARGV[1])
redis.call('HSETNX', settled, ARGV[1], '')
keep()
"""
)

# a JSON object: owner -> whether it is known to be dead; where it is not, its lease says it
RELEASE_THE_DEAD = (
    _BEGIN
    + """
local suspects, now, found = cjson.decode(ARGV[1]), lease(0), 0
local entries = redis.call('HGETALL', reserved)
for place = 1, #entries, 2 do
  local owner = cjson.decode(entries[place + 1])[1]
  local dead = suspects[owner]
  if dead == false then dead = tonumber(redis.call('HGET', leases, owner) or 0) < now end
  if dead then
    strike(entries[place])
    redis.call('HSETNX', settled, entries[place], '')
    found = found + 1
  end
end
keep()
return found
"""
)

# owner, lease in ms
RENEW = (
    _BEGIN
    + """
redis.call('HSET', leases, ARGV[1], text(lease(ARGV[2])))
keep()
"""
)
