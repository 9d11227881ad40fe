const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];

/**
 * Why a server may not be asked under this address; `undefined` = it may. Tokens travel to it: TLS, or this machine
 * alone.
 */
export function wrongAddress(address: string): string | undefined {
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return 'an address is https://<name>[:<port>]';
  if (url.username !== '' || url.password !== '') return 'a password does not belong into an address';
  if (url.pathname !== '/' || url.search !== '') return 'the address has no path: https://<name>[:<port>]';
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname))
    return 'tokens would travel without TLS: http is for this machine alone';
  return undefined;
}
