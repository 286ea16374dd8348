/** Parses a `created_at` to milliseconds. Not every browser parses its six fractional digits. */
export function millisOf(createdAt: string): number {
  return Date.parse(`${createdAt.slice(0, 23)}Z`);
}

/** Formats milliseconds as the API does: with six fractional digits. */
export function instantOf(millis: number): string {
  return new Date(millis).toISOString().replace('Z', '000Z');
}
