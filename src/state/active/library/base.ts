/**
 * Stamps, the two databases, the vector, the log. `n` = a stamp's number: (ms - EPOCH) * 4096 + seq, so that stamps are
 * compared as numbers and written as `ms-seq` outside.
 */
export const BASE: string = String.raw`
local function call(...) return redis.call(...) end
local EPOCH, SEQS, NONE, MAX = 1600000000000, 4096, -9007199254740992, 9007199254740991
local AHEAD_MS = 60000
-- Of one call: the database it is in, the time, the own origin, greatest stamps by origin, what exists at all.
local db, now, me, vec, some, pending

local function text(n) return string.format('%.0f', n) end
local function number_of(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  if ms == nil or #ms > 15 or #seq > 4 or tonumber(seq) >= SEQS then return nil end
  return (tonumber(ms) - EPOCH) * SEQS + tonumber(seq)
end
local function id_of(n)
  local seq = n % SEQS
  return text((n - seq) / SEQS + EPOCH) .. '-' .. text(seq)
end

-- Data of the app lies in 0, all else in 1.
local function at(n)
  if db ~= n then
    call('SELECT', n)
    db = n
  end
end
local function raw(...) at(0) return call(...) end
local function meta(...) at(1) return call(...) end

-- By bytes: the operator < follows the locale of the machine, which is not the same everywhere.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The cluster that an origin is an incarnation of.
local function cluster_of(o) return string.match(o, '^(.*)%.[^.]*$') or o end

local function start()
  db, me, vec, some, pending = nil, nil, {}, {}, {}
  local t = call('TIME')
  now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
  me = meta('HGET', 'tw:me', 'origin')
  return me
end
local CLOSED = 'TWCLOSED this Redis has no origin yet'

-- Greatest stamp of that origin that is applied here.
local function seen(o)
  local n = vec[o]
  if n == nil then
    n = tonumber(meta('HGET', 'tw:vec', o) or NONE)
    vec[o] = n
  end
  return n
end
-- All of them, as flat pairs in the order of the origins.
local function everything_seen()
  local all = meta('HGETALL', 'tw:vec')
  local of, names = {}, {}
  for i = 1, #all, 2 do of[all[i]] = tonumber(all[i + 1]) end
  for o, n in pairs(vec) do if n ~= NONE then of[o] = n end end
  for o in pairs(of) do names[#names + 1] = o end
  table.sort(names, before)
  local flat = {}
  for _, o in ipairs(names) do
    flat[#flat + 1] = o
    flat[#flat + 1] = of[o]
  end
  return flat
end

-- Is there such a key at all? Asked once in a call.
local function any(key)
  if some[key] == nil then some[key] = meta('EXISTS', key) == 1 end
  return some[key]
end

local function raise_clock(n)
  local last = tonumber(meta('GET', 'tw:clock') or NONE)
  if n > last then meta('SET', 'tw:clock', text(n)) end
end
-- The next own stamp: later than all that was seen, and than the time.
local function stamp()
  local last = tonumber(meta('GET', 'tw:clock') or NONE)
  local n = math.max((now - EPOCH) * SEQS, last + 1)
  meta('SET', 'tw:clock', text(n))
  return n
end

-- One command with many arguments, in pieces that the stack of Lua can bear.
local function many(run, name, key, values)
  for from = 1, #values, 1000 do
    run(name, key, unpack(values, from, math.min(from + 999, #values)))
  end
end
`;
