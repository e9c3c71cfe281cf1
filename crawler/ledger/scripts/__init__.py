"""What the Redis ledger does on the server, each script one atomic step.

anapress:meta      epoch, whole, archive, n, parts of n + 1 that are in, left, unlogged, o:<outcome>
anapress:l:<b>     id → its entry (crawler.ledger.entry), of ids that are left; in small hashes, for these
                   take few bytes an id, and apart, for a lease looks a whole one through
anapress:i:<b>     the same of ids that are settled
anapress:v:<b>     id and content hash → version, of texts that an id showed before its present one
                   The fields of the next five are tags (crawler.ledger.keys):
anapress:t:<b>     content hash → the id and version that brought it first
anapress:p:<b>     payload → the record that holds it whole (crawler.ledger.payload)
anapress:u:<b>     id and digest → payload, of pages that were given validators; where they came with a record
                   and p: has another of the payload, that too
anapress:c:<b>     URL, and URL with date → the same of the newest that an archive service has there
anapress:r:<b>     URLs of requisites: '' where the archive has it, else who has claimed it (claims.py)
anapress:buckets   a bit for each number b of l: or i: that is in use
anapress:left      a list with a member for each 1,000 ids that are left: an autoscaler reads its length
anapress:due       b → how many ids of it can be leased
anapress:old       b → no article of it that nobody holds was captured before (unix ms)
anapress:workers   worker → when it was heard of, by the server's clock
anapress:held      id → worker; anapress:h:<worker> id → b; anapress:batches worker → its last lease
anapress:deaths    id → workers that died with it; anapress:flying ids of those that are on their way
anapress:searches  place → the worker that searches it for ids, or '': whoever asks next;
                   anapress:seekers:<place> workers that had to do with that
anapress:queue     segments whose commits ask for the right of way, as they came; anapress:asked when last
anapress:segments  segment → n; anapress:commits n → segment
"""

from __future__ import annotations

PREFIX = "anapress:"
MANY = 1000  #: ids or lines in one call: nobody else is served meanwhile

# ARGV: the epoch that the caller knows, the time (empty: the server's), then the script's own.
_BEGIN = """
local P = 'anapress:'
local META, DUE, OLD, HELD = P .. 'meta', P .. 'due', P .. 'old', P .. 'held'
local call = redis.call
if call('HGET', META, 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another ledger') end

local function now()
    if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
    local time = call('TIME')
    return time[1] + time[2] / 1e6
end

local function has(flags, bit) return flags % (2 * bit) >= bit end

local TODO, LOGGED, TAKEN, PLAIN = 1, 2, 4, 8
local SHORT, ANY, HASH = '>BBI3I6B', '>BBI4I8I4I4I4B', 32
local function parsed(value)
    local flags = value:byte(1)
    local e = {flags = flags, outcome = math.floor(flags / 16), takes = 0, settled = 0, captured = 0,
        version = 0, versions = 0, hash = '', texts = value:sub(3)}
    if not has(flags, TAKEN) then return e end
    local length, at, _ = HASH, nil, nil
    if has(flags, PLAIN) then
        _, _, e.settled, e.captured, e.takes, at = struct.unpack(SHORT, value)
        e.version, e.versions = 1, 1
    else
        _, _, e.settled, e.captured, e.takes, e.version, e.versions, length, at = struct.unpack(ANY, value)
    end
    e.hash, e.texts = value:sub(at, at + length - 1), value:sub(at + length)
    return e
end

-- Lua hands some thousand values over at once, not more
local function many(command, key, list)
    local all = {}
    for from = 1, #list, 1000 do
        local some = call(command, key, unpack(list, from, math.min(from + 999, #list)))
        for _, each in ipairs(type(some) == 'table' and some or {}) do all[#all + 1] = each end
    end
    return all
end

local function used(b) call('SETBIT', P .. 'buckets', tonumber(b, 16), 1) end

local function due(b, change)
    if tonumber(call('ZINCRBY', DUE, change, b)) <= 0 then call('ZREM', DUE, b) end
end

-- META's left, for those who can read the length of a list and nothing else
local function show_left()
    local key, left = P .. 'left', tonumber(call('HGET', META, 'left') or '0')
    local wanted, there = math.ceil(left / 1000), call('LLEN', key)
    if there > wanted then call('LTRIM', key, there - wanted, -1) end
    for _ = there + 1, wanted do call('RPUSH', key, '') end
end

-- an id's entry, and where it lies: nowhere yet, that is among the settled
local function entry_of(b, id)
    local key = P .. 'l:' .. b
    local value = call('HGET', key, id)
    if value then return value, key end
    key = P .. 'i:' .. b
    return call('HGET', key, id), key
end

-- the id's lease has ended without a take
local function free(worker, id, b)
    call('HDEL', HELD, id)
    call('SREM', P .. 'flying', id)
    call('HDEL', P .. 'h:' .. worker, id)
    local value = entry_of(b, id)
    if not value then return end
    local e = parsed(value)
    if has(e.flags, TODO) then due(b, 1)
    elseif e.captured > 0 then call('ZADD', OLD, 'LT', e.captured, b) end
end

-- a first death may be anything's fault; from then on it counts only if the id was on its way
local function died(id)
    if call('HEXISTS', P .. 'deaths', id) == 0 or call('SREM', P .. 'flying', id) == 1 then
        call('HINCRBY', P .. 'deaths', id, 1)
    end
end

local function let_go(worker, dead, stays)
    local held = call('HGETALL', P .. 'h:' .. worker)
    for i = 1, #held, 2 do
        if dead then died(held[i]) end
        free(worker, held[i], held[i + 1])
    end
    call('DEL', P .. 'h:' .. worker)
    if not stays then call('ZREM', P .. 'workers', worker) end
    call('HDEL', P .. 'batches', worker)
end

-- both ends: a worker that was seen later than now is as dead
local function living(seen, seconds) return math.abs(now() - tonumber(seen)) <= tonumber(seconds) end
local function lives(worker, seconds)
    local seen = call('ZSCORE', P .. 'workers', worker)
    return seen and living(seen, seconds)
end
"""

# kind, bucket, field, as often as wanted: n, and their values as of then
READ = """
local wanted, values = cmsgpack.unpack(ARGV[3]), {tonumber(call('HGET', META, 'n') or '0')}
for i = 1, #wanted, 3 do
    local kind, b, field = wanted[i], wanted[i + 1], wanted[i + 2]
    values[#values + 1] = kind == 'i:' and entry_of(b, field) or call('HGET', P .. kind .. b, field)
end
return values
"""

# found; bucket and id as often as wanted: how many were new
ADD = """
local value, given, new = string.char(1, 0) .. ARGV[3], cmsgpack.unpack(ARGV[4]), 0
for i = 1, #given, 2 do
    local b, id = given[i], given[i + 1]
    if call('HEXISTS', P .. 'i:' .. b, id) == 0 and call('HSETNX', P .. 'l:' .. b, id, value) == 1 then
        new = new + 1
        due(b, 1)
        used(b)
    end
end
call('HINCRBY', META, 'left', new)
call('HINCRBY', META, 'unlogged', new)
show_left()
return new
"""


def whole(body: str) -> str:
    """The script as the server gets it."""
    return _BEGIN + body
