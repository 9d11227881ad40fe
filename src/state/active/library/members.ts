/** Fields of hashes, members of sets. */
export const MEMBERS: string = String.raw`
local function only(kind, key)
  local kind_now, over = kind_seen(key)
  if kind_now ~= 'none' and kind_now ~= kind then return nil, nil, WRONGTYPE end
  return kind_now, over
end

command('hset', 2, function(argv, key)
  if #argv % 2 == 1 then return nil, 'arity' end
  local kind, over, wrong = only('hash', key)
  if wrong then return nil, wrong end
  local ops, added = begin(key, kind, over), 0
  for _, pair in ipairs(once(argv, 2)) do
    if kind == 'none' or raw('HEXISTS', key, pair[1]) == 0 then added = added + 1 end
    ops[#ops + 1] = put('h', key, pair[1], pair[2])
  end
  commit(ops)
  return added
end)
command('hincrby', 2, function(argv, key)
  if #argv ~= 2 then return nil, 'arity' end
  local delta = whole(argv[2])
  if delta == nil then return nil, NOT_INTEGER end
  local kind, over, wrong_kind = only('hash', key)
  if wrong_kind then return nil, wrong_kind end
  if over and not exact(delta) then return nil, OVERFLOW end
  local ops = begin(key, kind, over)
  local op, wrong, sum = adding('h', key, argv[1], delta, 'ERR hash value is not an integer')
  if op == nil then return nil, wrong end
  ops[#ops + 1] = op
  commit(ops)
  return sum
end)

-- Takes fields or members that are there; nothing is written where none is.
local function take(kind, meta_kind, exists)
  return function(argv, key)
    local kind_now, _, wrong = only(kind, key)
    if wrong then return nil, wrong end
    if kind_now == 'none' then return 0 end
    local ops = {}
    for _, row in ipairs(once(argv, 1)) do
      if raw(exists, key, row[1]) == 1 then ops[#ops + 1] = drop(meta_kind, key, row[1]) end
    end
    commit(ops)
    return #ops
  end
end
command('hdel', 1, take('hash', 'h', 'HEXISTS'))
command('srem', 1, take('set', 't', 'SISMEMBER'))

command('sadd', 1, function(argv, key)
  local kind, over, wrong = only('set', key)
  if wrong then return nil, wrong end
  local ops, added = begin(key, kind, over), 0
  for _, row in ipairs(once(argv, 1)) do
    if kind == 'none' or raw('SISMEMBER', key, row[1]) == 0 then added = added + 1 end
    ops[#ops + 1] = put('t', key, row[1], '')
  end
  commit(ops)
  return added
end)
`;
