"""What is done to leases: each script one atomic step."""

from __future__ import annotations

import struct

GIVEN = struct.Struct(">BIH")  #: of a lease: the sizes of its id and entry, which follow; deaths

# worker, token, how many, lease seconds, captured before (ms, -1: no refresh), as of; `among` (bucket and id,
# as often as wanted) or ''; the first of the buckets by age that are looked through
LEASE = """
local worker, token, count, seconds = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local before, as_of, among, from = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local GIVEN = '>BI4I2'
local SOME, AGES = 32, 500  -- buckets at once, and those by age in one call: nobody else is served meanwhile
local n = tonumber(call('HGET', META, 'n') or '0')
local ids, values, places, mine = {}, {}, {}, {}

-- the leases as the caller reads them
local function given()
    local deaths = call('EXISTS', P .. 'deaths') == 1 and many('HMGET', P .. 'deaths', ids) or {}
    for i, id in ipairs(ids) do
        values[i] = struct.pack(GIVEN, #id, #values[i], tonumber(deaths[i] or '0')) .. id .. values[i]
    end
    return table.concat(values)
end

local last = call('HGET', P .. 'batches', worker)
if last then
    local batch = cmsgpack.unpack(last)
    if batch[1] == token then  -- our answer was lost on its way
        local places = batch[2]
        for i = 1, #places, 2 do
            if call('HGET', HELD, places[i]) == worker then
                ids[#ids + 1] = places[i]
                values[#values + 1] = entry_of(places[i + 1], places[i])
            end
        end
        return {n, -1, given()}
    end
end

local workers = call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
    if workers[i] ~= worker and not living(workers[i + 1], seconds) then let_go(workers[i], true) end
end
call('ZADD', P .. 'workers', now(), worker)

local function hold(id, b, value)
    ids[#ids + 1], values[#values + 1], mine[id] = id, value, true
    places[#places + 1] = id
    places[#places + 1] = b
    count = count - 1
end

-- those of a bucket that nobody holds
local function unheld(key)
    local all, wanted, some = call('HGETALL', key), {}, {}
    for i = 1, #all, 2 do
        if not mine[all[i]] then
            wanted[#wanted + 1] = all[i]
            some[#some + 1] = all[i + 1]
        end
    end
    local holders, i = many('HMGET', HELD, wanted), 0
    return function()
        repeat i = i + 1 until not holders[i]
        return wanted[i], some[i]
    end
end

local function aged(e) return not has(e.flags, TODO) and e.captured > 0 and e.captured < before end

local function lease_of(b)
    local had = 0
    for id, value in unheld(P .. 'l:' .. b) do
        if count <= 0 then break end
        hold(id, b, value)
        had = had + 1
    end
    if had > 0 then due(b, -had) else call('ZREM', DUE, b) end
end

local function lease_aged(b)
    local oldest
    for id, value in unheld(P .. 'i:' .. b) do
        local e = parsed(value)
        if count > 0 and aged(e) and e.settled <= as_of then hold(id, b, value)
        elseif e.captured > 0 and (not oldest or e.captured < oldest) then oldest = e.captured end
    end
    if oldest then call('ZADD', OLD, oldest, b) else call('ZREM', OLD, b) end
end

local more = -1
if among ~= '' then
    local wanted = cmsgpack.unpack(among)
    for i = 1, #wanted, 2 do
        if count <= 0 then break end
        local b, id = wanted[i], wanted[i + 1]
        local value = entry_of(b, id)
        if value and not mine[id] and call('HEXISTS', HELD, id) == 0 then
            local e = parsed(value)
            if has(e.flags, TODO) then
                due(b, -1)
                hold(id, b, value)
            elseif aged(e) and e.settled <= as_of then hold(id, b, value) end
        end
    end
else
    while count > 0 do
        local buckets = call('ZRANGE', DUE, 0, SOME - 1)
        if #buckets == 0 then break end
        for _, b in ipairs(buckets) do
            if count > 0 then lease_of(b) end
        end
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
local holds = {}
for i, id in ipairs(ids) do holds[2 * i - 1], holds[2 * i] = id, worker end
if #ids > 0 and call('EXISTS', HELD) == 0 then
    call('HSET', HELD, '', ('-'):rep(1024))  -- too long for a small hash: that is searched from its start
end
many('HSET', HELD, holds)
many('HSET', P .. 'h:' .. worker, places)
call('HSET', P .. 'batches', worker, cmsgpack.pack({token, places}))
return {n, more, given()}
"""

# id, bucket, take, attempts
TRIED = """
local value, key = entry_of(ARGV[4], ARGV[3])
if value and parsed(value).takes == tonumber(ARGV[5]) - 1 then
    call('HSET', key, ARGV[3], value:sub(1, 1) .. string.char(tonumber(ARGV[6])) .. value:sub(3))
end
"""

# worker
RENEW = "call('ZADD', P .. 'workers', now(), ARGV[3])"

# worker, ids or '' for all, '1' if it is dead, '1' if it goes on
RELEASE = """
if ARGV[4] == '' then return let_go(ARGV[3], ARGV[5] == '1', ARGV[6] == '1') end
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

# lease seconds: the workers that live, each with the seconds since it was heard of and its leases
PRESENT = """
local found, workers = {}, call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
    if living(workers[i + 1], ARGV[3]) then
        local silent = string.format('%.3f', math.max(now() - tonumber(workers[i + 1]), 0))
        found[#found + 1] = {workers[i], silent, call('HLEN', P .. 'h:' .. workers[i])}
    end
end
return found
"""

# buckets, captured before: how many articles that nobody holds are older
AGED = """
local count = 0
for _, b in ipairs(cmsgpack.unpack(ARGV[3])) do
    local ids = call('HGETALL', P .. 'i:' .. b)
    for i = 1, #ids, 2 do
        local e = parsed(ids[i + 1])
        if not has(e.flags, TODO) and e.captured > 0 and e.captured < tonumber(ARGV[4])
            and call('HEXISTS', HELD, ids[i]) == 0 then count = count + 1 end
    end
end
return count
"""
