/** What agents and senders call. */
export const PEERS: string = String.raw`
local function fail(s) return redis.error_reply(s) end
local function read_only(name, callback)
  redis.register_function{ function_name = name, callback = callback, flags = { 'no-writes' } }
end
-- What the agent needs in a Redis that is full: it frees something, or it is one small entry.
local function always(name, callback)
  redis.register_function{ function_name = name, callback = callback, flags = { 'allow-oom' } }
end
local function look()
  db, vec, some, pending = nil, {}, {}, {}
end

always('tw_open', function(_, argv)
  look()
  if raw('DBSIZE') > 0 and meta('EXISTS', 'tw:vec') == 0 then return fail('TWFOREIGN data without a history') end
  -- What was confirmed is about another origin.
  if meta('HGET', 'tw:me', 'origin') ~= argv[1] then meta('DEL', 'tw:acks') end
  meta('HSET', 'tw:me', 'origin', argv[1], 'run', argv[2])
  return redis.status_reply('OK')
end)
read_only('tw_me', function()
  look()
  local me_now = meta('HMGET', 'tw:me', 'origin', 'run')
  return me_now[1] and me_now or {}
end)
read_only('tw_vector', function()
  look()
  local flat = everything_seen()
  for i = 2, #flat, 2 do flat[i] = id_of(flat[i]) end
  return flat
end)
read_only('tw_last', function()
  look()
  local o = meta('HGET', 'tw:me', 'origin')
  local n = o and seen(o) or NONE
  return n == NONE and '0-0' or id_of(n)
end)

read_only('tw_tail', function(_, argv)
  look()
  local o, after, count = argv[1], number_of(argv[2]), tonumber(argv[3])
  if after == nil or count == nil then return fail('ERR wrong id or count') end
  local key = 'tw:log:' .. o
  if after < tonumber(meta('HGET', 'tw:gone', o) or NONE) then
    local first = meta('XRANGE', key, '-', '+', 'COUNT', 1)
    return fail('TWTRIMMED ' .. (first[1] and first[1][1] or id_of(seen(o))))
  end
  local flat = {}
  for _, row in ipairs(meta('XRANGE', key, '(' .. argv[2], '+', 'COUNT', count)) do
    flat[#flat + 1] = row[1]
    flat[#flat + 1] = row[2][2]
  end
  return flat
end)
always('tw_trim', function(_, argv)
  look()
  local o, n = argv[1], number_of(argv[2])
  if n == nil then return fail('ERR wrong id') end
  n = math.min(n, seen(o))
  if n <= tonumber(meta('HGET', 'tw:gone', o) or NONE) then return 0 end
  meta('HSET', 'tw:gone', o, text(n))
  return meta('XTRIM', 'tw:log:' .. o, 'MINID', id_of(n + 1))
end)

always('tw_acked', function(_, argv)
  look()
  local n, own = number_of(argv[1]), meta('HGET', 'tw:me', 'origin')
  if n == nil then return fail('ERR wrong id') end
  if not own or n > seen(own) then return fail('ERR no such entry yet') end
  local last = meta('XREVRANGE', 'tw:acks', '+', '-', 'COUNT', 1)[1]
  if last and number_of(last[1]) >= n then return 0 end
  meta('XADD', 'tw:acks', 'MAXLEN', 1, argv[1], 'id', argv[1])
  return 1
end)

-- A later version may write what this one does not know: then nothing of the batch is taken.
local function understood(ops)
  if type(ops) ~= 'table' then return false end
  for _, op in ipairs(ops) do
    if type(op) ~= 'table' or DO[op[1]] == nil then return false end
  end
  return true
end
-- Entries of a batch that are new here, as { n, payload, operations }, or nil and what is wrong. Nothing is written yet.
local function new_entries(o, argv)
  local have, fresh, last = seen(o), {}, number_of(argv[2])
  if last == nil then return nil, 'ERR wrong id' end
  if have ~= NONE and last > have or have == NONE and argv[2] ~= '0-0' then
    return nil, 'TWGAP ' .. (have == NONE and '0-0' or id_of(have))
  end
  for i = 3, #argv, 2 do
    local n = number_of(argv[i])
    if n == nil or n <= last then return nil, 'ERR wrong id' end
    last = n
    if n > have then
      local ahead = (n - n % SEQS) / SEQS + EPOCH - now
      if ahead > AHEAD_MS then return nil, 'TWSKEW ' .. text(ahead) end
      local good, ops = pcall(cmsgpack.unpack, argv[i + 1])
      if not good or not understood(ops) then return nil, 'TWBAD entry ' .. argv[i] .. ' of ' .. o end
      fresh[#fresh + 1] = { n, argv[i + 1], ops }
    end
  end
  return fresh
end
redis.register_function('tw_apply', function(_, argv)
  if not start() then return fail(CLOSED) end
  local o = argv[1]
  if o == me then return fail('ERR own origin') end
  if #argv < 4 or #argv % 2 == 1 then return fail('ERR wrong number of arguments') end
  local fresh, wrong = new_entries(o, argv)
  if fresh == nil then return fail(wrong) end
  for _, entry in ipairs(fresh) do enter(o, entry[1], entry[2], entry[3]) end
  flush_lists()
  if #fresh > 0 then
    raise_clock(seen(o))
    if any('tw:cut:' .. o) then meta('ZREMRANGEBYSCORE', 'tw:cut:' .. o, '-inf', text(seen(o))) end
  end
  return id_of(seen(o))
end)
`;
