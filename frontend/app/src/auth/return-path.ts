/** The path to show after signing in. Never leads to another origin. */
export function returnPath(state: unknown): string {
  const from = typeof state === 'object' && state !== null && 'from' in state ? state.from : null;
  const own = typeof from === 'string' && /^\/(?![/\\])/.test(from) && !/^\/callback\b/.test(from);
  return own ? from : '/messages';
}
