/**
 * Scripts that the server runs as one step each.
 *
 * An entry is a hash of its value `v` and the fencing number `f` of the lock that it was written under. A lock is
 * `<fencing number>:<nonce>`; the numbers only grow, also where the counter was lost and the entry was not.
 *
 * @module
 */

/**
 * KEYS lock, counter, entry; ARGV nonce, milliseconds the lock lasts, milliseconds the counter is kept. Answers the
 * fencing number and 0, or 0 and the milliseconds for which somebody else has the lock. Asked again with the same
 * nonce, as after a lost answer, it answers the same.
 */
export const ACQUIRE: string = `
local held = redis.call('GET', KEYS[1])
if held then
  local fence, nonce = string.match(held, '^(%d+):(%x+)$')
  if nonce == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {fence, 0}
  end
  return {'0', redis.call('PTTL', KEYS[1])}
end
local fence = redis.call('INCR', KEYS[2])
local written = tonumber(redis.call('HGET', KEYS[3], 'f') or '0') or 0
if fence <= written then
  fence = written + 1
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local number = string.format('%.0f', fence)
redis.call('SET', KEYS[1], number .. ':' .. ARGV[1], 'NX', 'PX', ARGV[2])
return {number, 0}
`;

/** KEYS lock; ARGV lock, milliseconds. Answers whether it is still ours. */
export const EXTEND: string = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** KEYS lock; ARGV lock. */
export const RELEASE: string = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`;

/** What a write and a removal begin with. KEYS lock, entry; ARGV lock, fencing number. */
const FENCED = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local written = tonumber(redis.call('HGET', KEYS[2], 'f') or '0') or 0
if written > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[2])
`;

/** As `FENCED`; ARGV also milliseconds the entry is kept, 0 for ever, and the value. */
export const WRITE: string = `${FENCED}
redis.call('HSET', KEYS[2], 'f', ARGV[2], 'v', ARGV[4])
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return 1
`;

export const REMOVE: string = `${FENCED}
return 1
`;

/** KEYS entry; ARGV the most bytes that a value may have. Answers its length, and the value where it is not longer. */
export const READ: string = `
local length = redis.call('HSTRLEN', KEYS[1], 'v')
if length > tonumber(ARGV[1]) then return {length} end
return {length, redis.call('HGET', KEYS[1], 'v')}
`;
