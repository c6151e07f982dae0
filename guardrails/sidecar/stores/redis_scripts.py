"""What is written to Redis, as scripts: each happens whole or not at all, also when Redis dies.

A write carries a token of its own. A script that finds its token in the run has been there before,
its answer was lost, and it answers once more as it did.
"""

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, and the name that Redis knows it by."""

    text: str
    sha: str


def digest(data: bytes) -> str:
    """Return the digest that scripts in Redis can make, too; it tells versions apart, no more."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _script(text: str) -> Script:
    return Script(text, digest(text.encode()))  # Redis names them so


FIELDS: Final = ("run", "key", "policy", "created", "changed", "seq", "ended")
"""Of a run's hash: what `RunRow` holds, in its order."""
_FIELDS: Final = ", ".join(f"'{name}'" for name in FIELDS)

WRITTEN: Final = b"written"
"""The answer of a script that has written, now or when its answer was lost."""

# A write that Redis refuses for want of memory is refused at the first command that needs some, so
# each script begins with one: nothing is half done.

CREATE: Final = _script("""
-- KEYS: row, records, numbers, open keys, open runs, ended runs
-- ARGV: run, key, policy, created, changed, ended, seq, number, event, decision, token
-- Else than 'written' it returns who holds the key, in a list; empty if there is such a run.
if redis.call('EXISTS', KEYS[1]) == 1 then
  local first = redis.call('XRANGE', KEYS[2], ARGV[7] .. '-0', ARGV[7] .. '-0')[1]
  if first and first[2][8] == ARGV[11] then return 'written' end
  return {''}
end
if ARGV[2] ~= '' then
  local holder = redis.call('HGET', KEYS[4], ARGV[2])
  if holder then return {holder} end
end
redis.call('XADD', KEYS[2], ARGV[7] .. '-0',
  'n', ARGV[8], 'e', ARGV[9], 'd', ARGV[10], 't', ARGV[11])
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'key', ARGV[2], 'policy', ARGV[3], 'created', ARGV[4],
  'changed', ARGV[5], 'seq', ARGV[7], 'ended', ARGV[6], 'number', ARGV[8], 'upto', '0',
  'snapshot', '')
if ARGV[8] ~= '0' then redis.call('HSET', KEYS[3], ARGV[8], ARGV[7]) end
if ARGV[6] == '1' then
  redis.call('ZADD', KEYS[6], ARGV[5], ARGV[1])
else
  redis.call('ZADD', KEYS[5], ARGV[5], ARGV[1])
  if ARGV[2] ~= '' then redis.call('HSET', KEYS[4], ARGV[2], ARGV[1]) end
end
return 'written'
""")

APPEND: Final = _script("""
-- KEYS: row, records, numbers, open keys, open runs, ended runs
-- ARGV: run, seq, number, event, decision, ended, changed, token
local row = redis.call('HMGET', KEYS[1], 'seq', 'ended', 'key', 'number')
if not row[1] then return 'there is no such run' end
if tonumber(row[1]) + 1 ~= tonumber(ARGV[2]) then
  local there = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', ARGV[2] .. '-0')[1]
  if there and there[2][8] == ARGV[8] then return 'written' end
  return 'the last record is ' .. row[1]
end
local numbered = ARGV[3] ~= '0'
if numbered and redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1 then
  return 'fact ' .. ARGV[3] .. ' is there'
end
redis.call('XADD', KEYS[2], ARGV[2] .. '-0',
  'n', ARGV[3], 'e', ARGV[4], 'd', ARGV[5], 't', ARGV[8])
redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'changed', ARGV[7])
if numbered then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
  if tonumber(ARGV[3]) > tonumber(row[4]) then redis.call('HSET', KEYS[1], 'number', ARGV[3]) end
end
if row[2] == '1' or ARGV[6] == '1' then
  redis.call('HSET', KEYS[1], 'ended', '1')
  redis.call('ZREM', KEYS[5], ARGV[1])
  redis.call('ZADD', KEYS[6], ARGV[7], ARGV[1])
  if row[3] ~= '' and redis.call('HGET', KEYS[4], row[3]) == ARGV[1] then
    redis.call('HDEL', KEYS[4], row[3])
  end
else
  redis.call('ZADD', KEYS[5], ARGV[7], ARGV[1])
end
return 'written'
""")

SNAPSHOT: Final = _script("""
-- KEYS: row; ARGV: seq, data
local row = redis.call('HMGET', KEYS[1], 'upto', 'seq')
if row[1] and tonumber(row[1]) < tonumber(ARGV[1]) and tonumber(ARGV[1]) <= tonumber(row[2]) then
  redis.call('HSET', KEYS[1], 'upto', ARGV[1], 'snapshot', ARGV[2])
end
return 'written'
""")

KEEP: Final = _script("""
-- KEYS: row, kept; ARGV: name, data, digest of what is replaced (empty for anything)
if redis.call('EXISTS', KEYS[1]) == 0 then return 'there is no such run' end
if ARGV[3] ~= '' then
  local there = redis.call('HGET', KEYS[2], ARGV[1]) or ''
  if redis.sha1hex(there) ~= ARGV[3] and there ~= ARGV[2] then
    return 'another process changed the ' .. ARGV[1]
  end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 'written'
""")

LOAD: Final = _script(f"""
-- KEYS: row, records
local row = redis.call('HMGET', KEYS[1], {_FIELDS}, 'snapshot', 'number', 'upto')
if not row[1] then return false end
local since = string.format('%.0f-0', tonumber(row[10]) + 1)
return {{row, redis.call('XRANGE', KEYS[2], since, '+')}}
""")

RECORDS: Final = _script("""
-- KEYS: records; ARGV: the first seq, how many at most
return redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])
""")

DECISION: Final = _script("""
-- KEYS: numbers, records; ARGV: number
local seq = redis.call('HGET', KEYS[1], ARGV[1])
if not seq then return false end
return redis.call('XRANGE', KEYS[2], seq .. '-0', seq .. '-0')[1]
""")

ROWS: Final = _script(f"""
-- KEYS: rows
local found = {{}}
for at, key in ipairs(KEYS) do found[at] = redis.call('HMGET', key, {_FIELDS}) end
return found
""")

DELETE: Final = _script("""
-- KEYS: row, records, numbers, kept, open keys, open runs, ended runs
-- ARGV: run, ended, changed before
local row = redis.call('HMGET', KEYS[1], 'changed', 'ended', 'key')
if not row[1] then
  redis.call('ZREM', KEYS[6], ARGV[1])
  redis.call('ZREM', KEYS[7], ARGV[1])
  return 0
end
if row[2] ~= ARGV[2] or tonumber(row[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
if row[3] ~= '' and redis.call('HGET', KEYS[5], row[3]) == ARGV[1] then
  redis.call('HDEL', KEYS[5], row[3])
end
return 1
""")
