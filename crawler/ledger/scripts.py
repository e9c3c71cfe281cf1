"""What the Redis ledger does on the server, each script one atomic step.

anapress:meta      epoch, whole, archive, n, left, unlogged, o:<outcome>
anapress:i:<b>     id → its entry (crawler.ledger.entry), in small hashes, for these take few bytes an id
anapress:t:<b>     content hash → the id and version that brought it first
anapress:v:<b>     id and content hash → version, of texts that an id showed before its present one
anapress:p:<b>     SHA-256 → the record that holds the payload whole
anapress:u:<b>     id and digest → SHA-256, of pages that were given validators
anapress:c:<b>     URL, and URL with date → the newest record of an archive service's that it has there
anapress:r:<b>     the URLs of requisites that the archive has, as keys
anapress:buckets   the numbers b of i: that are in use
anapress:due       b → how many ids of it can be leased
anapress:old       b → no article of it that nobody holds was captured before (unix ms)
anapress:workers   worker → when it was heard of, by the server's clock
anapress:held      id → worker; anapress:h:<worker> id → b; anapress:batches worker → its last lease
anapress:deaths    id → workers that died with it; anapress:flying ids of those that are on their way
anapress:segments  segment → n; anapress:commits n → segment
"""

from __future__ import annotations

PREFIX = "anapress:"

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

local HEAD = '>BBBI4I4I8I4I4B'
local function parsed(value)
    local flags = value:byte(1)
    if not has(flags, 4) then
        return {flags = flags, attempts = value:byte(2), outcome = 0, takes = 0, settled = 0, captured = 0,
            version = 0, versions = 0, hash = '', found = value:sub(3)}
    end
    local e, length, at = {}, nil, nil
    e.flags, e.attempts, e.outcome, e.takes, e.settled, e.captured, e.version, e.versions, length, at =
        struct.unpack(HEAD, value)
    e.hash = value:sub(at, at + length - 1)
    e.tail = value:sub(at + length)
    e.found = e.tail:match('^%Z*')
    return e
end

local function due(b, change)
    if tonumber(call('ZINCRBY', DUE, change, b)) <= 0 then call('ZREM', DUE, b) end
end

-- the id's lease has ended without a take
local function free(worker, id, b)
    call('HDEL', HELD, id)
    call('HDEL', P .. 'h:' .. worker, id)
    local value = call('HGET', P .. 'i:' .. b, id)
    if not value then return end
    local e = parsed(value)
    if has(e.flags, 1) then due(b, 1)
    elseif e.captured > 0 then call('ZADD', OLD, 'LT', e.captured, b) end
end

-- a first death may be anything's fault; from then on it counts only if the id was on its way
local function died(id)
    if call('HEXISTS', P .. 'deaths', id) == 0 or call('SREM', P .. 'flying', id) == 1 then
        call('HINCRBY', P .. 'deaths', id, 1)
    end
end

local function let_go(worker, dead)
    local held = call('HGETALL', P .. 'h:' .. worker)
    for i = 1, #held, 2 do
        free(worker, held[i], held[i + 1])
        if dead then died(held[i]) end
    end
    call('DEL', P .. 'h:' .. worker)
    call('ZREM', P .. 'workers', worker)
    call('HDEL', P .. 'batches', worker)
end

-- both ends: a worker that was seen later than now is as dead
local function living(seen, seconds) return math.abs(now() - tonumber(seen)) <= tonumber(seconds) end
"""

# kind, bucket, field, as often as wanted: n, and their values as of then
READ = """
local wanted, values = cmsgpack.unpack(ARGV[3]), {tonumber(call('HGET', META, 'n') or '0')}
for i = 1, #wanted, 3 do
    values[#values + 1] = call('HGET', P .. wanted[i] .. wanted[i + 1], wanted[i + 2])
end
return values
"""

# found; bucket and id as often as wanted: how many were new
ADD = """
local value, given, new = string.char(1, 0) .. ARGV[3], cmsgpack.unpack(ARGV[4]), 0
for i = 1, #given, 2 do
    if call('HSETNX', P .. 'i:' .. given[i], given[i + 1], value) == 1 then
        new = new + 1
        due(given[i], 1)
        call('SADD', P .. 'buckets', given[i])
    end
end
call('HINCRBY', META, 'left', new)
call('HINCRBY', META, 'unlogged', new)
return new
"""

# worker, token, how many, lease seconds, captured before (ms, -1: no refresh), as of; `among` (bucket and id,
# as often as wanted) or ''; the first of the buckets by age that are looked through
LEASE = """
local worker, token, count, seconds = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local before, as_of, among, from = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local AGES = 500  -- buckets by age in one call: nobody else is served meanwhile
local given, n = {}, tonumber(call('HGET', META, 'n') or '0')

local function give(id, value)
    given[#given + 1] = id
    given[#given + 1] = value
    given[#given + 1] = tonumber(call('HGET', P .. 'deaths', id) or '0')
end

local last = call('HGET', P .. 'batches', worker)
if last then
    local batch = cmsgpack.unpack(last)
    if batch[1] == token then  -- our answer was lost on its way
        for i = 2, #batch, 2 do
            if call('HGET', HELD, batch[i]) == worker then
                give(batch[i], call('HGET', P .. 'i:' .. batch[i + 1], batch[i]))
            end
        end
        return {n, -1, given}
    end
end

local workers = call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
    if workers[i] ~= worker and not living(workers[i + 1], seconds) then let_go(workers[i], true) end
end
call('ZADD', P .. 'workers', now(), worker)

local batch = {token}
local function hold(id, b, value)
    call('HSET', HELD, id, worker)
    call('HSET', P .. 'h:' .. worker, id, b)
    batch[#batch + 1] = id
    batch[#batch + 1] = b
    count = count - 1
    give(id, value)
end

local function aged(e) return not has(e.flags, 1) and e.captured > 0 and e.captured < before end

local function lease_of(b)
    local ids, had = call('HGETALL', P .. 'i:' .. b), 0
    for i = 1, #ids, 2 do
        if count <= 0 then break end
        if has(ids[i + 1]:byte(1), 1) and call('HEXISTS', HELD, ids[i]) == 0 then
            hold(ids[i], b, ids[i + 1])
            had = had + 1
        end
    end
    if had > 0 then due(b, -had) else call('ZREM', DUE, b) end
end

local function lease_aged(b)
    local ids, oldest = call('HGETALL', P .. 'i:' .. b), nil
    for i = 1, #ids, 2 do
        local e = parsed(ids[i + 1])
        if e.captured > 0 and not has(e.flags, 1) and call('HEXISTS', HELD, ids[i]) == 0 then
            if count > 0 and aged(e) and e.settled <= as_of then hold(ids[i], b, ids[i + 1])
            elseif not oldest or e.captured < oldest then oldest = e.captured end
        end
    end
    if oldest then call('ZADD', OLD, oldest, b) else call('ZREM', OLD, b) end
end

local more = -1
if among ~= '' then
    local wanted = cmsgpack.unpack(among)
    for i = 1, #wanted, 2 do
        if count <= 0 then break end
        local b, id = wanted[i], wanted[i + 1]
        local value = call('HGET', P .. 'i:' .. b, id)
        if value and call('HEXISTS', HELD, id) == 0 then
            local e = parsed(value)
            if has(e.flags, 1) then
                due(b, -1)
                hold(id, b, value)
            elseif aged(e) and e.settled <= as_of then hold(id, b, value) end
        end
    end
else
    while count > 0 do
        local b = call('ZRANGE', DUE, 0, 0)[1]
        if not b then break end
        lease_of(b)
    end
    if count > 0 and before >= 0 then
        local buckets = call('ZRANGEBYSCORE', OLD, '-inf', '(' .. before, 'LIMIT', from, AGES)
        for _, b in ipairs(buckets) do
            if count <= 0 then break end
            lease_aged(b)
        end
        if count > 0 and #buckets == AGES then more = from + AGES end
    end
end
call('HSET', P .. 'batches', worker, cmsgpack.pack(batch))
return {n, more, given}
"""

# id, bucket, take, attempts
TRIED = """
local key = P .. 'i:' .. ARGV[4]
local value = call('HGET', key, ARGV[3])
if value and parsed(value).takes == tonumber(ARGV[5]) - 1 then
    call('HSET', key, ARGV[3], value:sub(1, 1) .. string.char(tonumber(ARGV[6])) .. value:sub(3))
end
"""

# worker
RENEW = "call('ZADD', P .. 'workers', now(), ARGV[3])"

# worker, ids or '' for all, '1' if it is dead
RELEASE = """
if ARGV[4] == '' then return let_go(ARGV[3], ARGV[5] == '1') end
for _, id in ipairs(cmsgpack.unpack(ARGV[4])) do
    local b = call('HGET', P .. 'h:' .. ARGV[3], id)
    if b then free(ARGV[3], id, b) end
end
"""

# id, '1' if it is on its way
FLIES = "call(ARGV[4] == '1' and 'SADD' or 'SREM', P .. 'flying', ARGV[3])"

# lease seconds, a worker or '' for all: how many leases they hold
LEASED = """
local count, workers = 0, call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
    if (ARGV[4] == '' or ARGV[4] == workers[i]) and living(workers[i + 1], ARGV[3]) then
        count = count + call('HLEN', P .. 'h:' .. workers[i])
    end
end
return {count, call('HGETALL', META)}
"""

# buckets, captured before: how many articles that nobody holds are older
AGED = """
local count = 0
for _, b in ipairs(cmsgpack.unpack(ARGV[3])) do
    local ids = call('HGETALL', P .. 'i:' .. b)
    for i = 1, #ids, 2 do
        local e = parsed(ids[i + 1])
        if not has(e.flags, 1) and e.captured > 0 and e.captured < tonumber(ARGV[4])
            and call('HEXISTS', HELD, ids[i]) == 0 then count = count + 1 end
    end
end
return count
"""

# n; the segment with the commit's last part, else ''; steps. A part that was taken in once changes nothing.
APPLY = """
local n, segment, counts = tonumber(ARGV[3]), ARGV[4], {}
local applied = tonumber(call('HGET', META, 'n') or '0')
if n <= applied then return applied end
if n > applied + 1 then return redis.error_reply('GAP ' .. applied) end

local function count(name, change) counts[name] = (counts[name] or 0) + change end
local function standing(e) return has(e.flags, 1) and 'left' or 'o:' .. e.outcome end

local function know(b, id, requeued, take, found)
    local key = P .. 'i:' .. b
    local value = call('HGET', key, id)
    if not value then
        call('HSET', key, id, string.char(3, 0) .. found)
        call('SADD', P .. 'buckets', b)
        due(b, 1)
        count('left', 1)
        return
    end
    local e = parsed(value)
    local flags = e.flags
    if not has(flags, 2) then
        count('unlogged', -1)
        flags = flags + 2
    end
    if requeued and e.takes == take and not has(flags, 1) then
        count(standing(e), -1)
        count('left', 1)
        flags = flags + 1
        if call('HEXISTS', HELD, id) == 0 then due(b, 1) end
    end
    if flags ~= e.flags then call('HSET', key, id, string.char(flags) .. value:sub(2)) end
end

local ids = {}
local steps = cmsgpack.unpack(ARGV[5])
for _, step in ipairs(steps) do
    if step[1] == 's' then ids[#ids + 1] = step[3] end
end
local holders, leases, oldest = {}, {}, {}
for i, worker in ipairs(#ids > 0 and call('HMGET', HELD, unpack(ids)) or {}) do
    if worker then
        holders[ids[i]] = worker
        leases[worker] = leases[worker] or {}
        table.insert(leases[worker], ids[i])
    end
end

local function settle(b, id, outcome, take, captured, version, hash, found, tail)
    local key = P .. 'i:' .. b
    local value, versions = call('HGET', key, id), version
    if value then
        local e = parsed(value)
        found, versions = e.found, math.max(e.versions, version)
        count(standing(e), -1)
        if not has(e.flags, 2) then count('unlogged', -1) end
        if has(e.flags, 1) and not holders[id] then due(b, -1) end
        if hash == '' then hash, version = e.hash, e.version
        elseif e.hash ~= hash and e.version > 0 then
            call('HSET', P .. 'v:' .. b, id .. e.hash, e.version)
        end
    else
        call('SADD', P .. 'buckets', b)
    end
    count('o:' .. outcome, 1)
    if captured > 0 then oldest[b] = math.min(oldest[b] or captured, captured) end
    local head = struct.pack(HEAD, 6, 0, outcome, take, n, captured, version, versions, #hash)
    call('HSET', key, id, head .. hash .. found .. tail)
end

for _, step in ipairs(steps) do
    if step[1] == 's' then
        settle(step[2], step[3], step[4], step[5], step[6], step[7], step[8], step[9], step[10])
    elseif step[1] == 'k' then know(step[2], step[3], step[4], step[5], step[6])
    elseif step[1] == 'c:' then call('HSET', P .. step[1] .. step[2], step[3], step[4])
    else call('HSETNX', P .. step[1] .. step[2], step[3], step[4]) end
end
for worker, held in pairs(leases) do
    call('HDEL', HELD, unpack(held))
    call('HDEL', P .. 'h:' .. worker, unpack(held))
end
if #ids > 0 and call('EXISTS', P .. 'deaths') == 1 then
    call('HDEL', P .. 'deaths', unpack(ids))
    call('SREM', P .. 'flying', unpack(ids))
end
for b, captured in pairs(oldest) do call('ZADD', OLD, 'LT', captured, b) end
for name, change in pairs(counts) do call('HINCRBY', META, name, change) end
if segment ~= '' then
    call('HSETNX', P .. 'segments', segment, n)
    call('HSET', P .. 'commits', n, segment)
    call('HSET', META, 'n', n)
end
return n
"""


def whole(body: str) -> str:
    """The script as the server gets it."""
    return _BEGIN + body
