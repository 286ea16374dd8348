/** The namespace of the groups' uuids, as in the API. */
const NAMESPACE = '6f1d1f0e-1c4b-5f7a-9d0e-2b8a4c3e7d15';

/** The uuid of the group of two users, in either order, whether or not it exists: a uuid of version 5. Needs a secure context. */
export async function uuidOfPair(a: string, b: string): Promise<string> {
  const [smaller, larger] = a <= b ? [a, b] : [b, a];
  const namespace = NAMESPACE.replaceAll('-', '').match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  const name = new TextEncoder().encode(`dm:${smaller}:${larger}`);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-1', Uint8Array.from([...namespace, ...name])));
  const bytes = hash.slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
