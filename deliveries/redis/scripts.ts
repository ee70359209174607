/**
 * What is done in one step. KEYS: the hash that states position and owner, the hash of fingerprints by what follows
 * the prefix, then keys of rows. The first argument is the process's own id: what another one does is refused.
 */

const head = `
local state, prints = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const owned = `${head}
if redis.call('HGET', state, 'writer') ~= ARGV[1] then return 'fenced' end
redis.call('HSET', state, 'seen', now)
`;

/** Arguments: id, owner. Returns position, identity, what is kept, or who else has the prefix. */
export const takeScript = `${head}
local owner = redis.call('HGET', state, 'owner')
if owner and owner ~= ARGV[2] then return {'other', owner} end
redis.call('HSET', state, 'owner', ARGV[2], 'writer', ARGV[1], 'seen', now)
-- what is evicted would never be removed
if tonumber(redis.call('HGET', state, 'count') or '0') ~= redis.call('HLEN', prints) then
  redis.call('HDEL', state, 'position')
end
local all = redis.call('HMGET', state, 'position', 'identity', 'keep')
return {'taken', all[1] or '', all[2] or '', all[3] or ''}
`;

/** Arguments: id, what is kept, mark, force, position or '', then for each key: suffix, fingerprint or '', row. */
export const putScript = `${owned}
if ARGV[5] ~= '' and tonumber(redis.call('HGET', state, 'count') or '0') ~= redis.call('HLEN', prints) then
  redis.call('HDEL', state, 'position')
  return 'evicted'
end
for i = 3, #KEYS do
  local at = 6 + (i - 3) * 3
  local suffix, print, row = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if print == '' then
    redis.call('DEL', KEYS[i])
    redis.call('HDEL', prints, suffix)
  else
    local before = redis.call('HGET', prints, suffix)
    local same = ARGV[4] ~= 'force' and before and string.sub(before, 10) == print
    if ARGV[2] == 'rows' then
      if not same or redis.call('EXISTS', KEYS[i]) == 0 then redis.call('SET', KEYS[i], row) end
    elseif not same then
      redis.call('DEL', KEYS[i])
    end
    redis.call('HSET', prints, suffix, ARGV[3] .. ' ' .. print)
  end
end
redis.call('HSET', state, 'count', redis.call('HLEN', prints))
if ARGV[5] ~= '' then redis.call('HSET', state, 'position', ARGV[5]) end
return 'done'
`;

/** Arguments: id. */
export const beginScript = `${owned}
redis.call('HDEL', state, 'position', 'identity')
return 'done'
`;

/** Arguments: id, mark, then suffixes: those without the mark are removed, with their keys. */
export const sweepScript = `${owned}
for i = 3, #KEYS do
  local before = redis.call('HGET', prints, ARGV[i])
  if before and string.sub(before, 1, 8) ~= ARGV[2] then
    redis.call('DEL', KEYS[i])
    redis.call('HDEL', prints, ARGV[i])
  end
end
redis.call('HSET', state, 'count', redis.call('HLEN', prints))
return 'done'
`;

/** Arguments: id, then names and values of the state. */
export const stateScript = `${owned}
if #ARGV > 1 then redis.call('HSET', state, unpack(ARGV, 2)) end
return 'done'
`;

/** Arguments: how long who has it may say nothing, ms. */
export const freeScript = `${head}
local all = redis.call('HMGET', state, 'writer', 'seen')
if not all[1] or tonumber(all[2] or '0') < now - tonumber(ARGV[1]) then return 'free' end
return 'taken'
`;

/** KEYS[3]: a copy of the fingerprints, as they are at the position that is returned. */
export const copyScript = `
redis.call('DEL', KEYS[3])
local position = redis.call('HGET', KEYS[1], 'position')
if not position then return '' end
redis.call('COPY', KEYS[2], KEYS[3])
redis.call('EXPIRE', KEYS[3], 3600)
return position
`;

/** Arguments: suffixes. Returns for each key its row and its fingerprint, of the same moment. */
export const readScript = `
local found = {}
for i = 3, #KEYS do
  found[#found + 1] = redis.call('GET', KEYS[i]) or ''
  found[#found + 1] = redis.call('HGET', KEYS[2], ARGV[i - 2]) or ''
end
return found
`;

/** Arguments: id. */
export const releaseScript = `
if redis.call('HGET', KEYS[1], 'writer') == ARGV[1] then redis.call('HDEL', KEYS[1], 'writer') end
return 'done'
`;
