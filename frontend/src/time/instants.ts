/** The milliseconds of a `created_at`, whose six fractional digits are more than every browser reads. */
export function millisOf(createdAt: string): number {
  return Date.parse(`${createdAt.slice(0, 23)}Z`);
}
