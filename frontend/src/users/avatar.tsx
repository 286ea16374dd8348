import type { CSSProperties } from 'react';
import { hue } from './handle.ts';
import { initials } from './name.ts';

declare module 'react' {
  interface CSSProperties {
    '--hue'?: number;
  }
}

/** A picture of a user: initials on a colour that is always the same for a handle. */
export function Avatar({ name, handle, small = false }: { name: string; handle: string; small?: boolean }) {
  const style: CSSProperties = { '--hue': hue(handle) };
  return (
    <span className={small ? 'avatar small' : 'avatar'} style={style} aria-hidden="true">
      {initials(name) || initials(handle) || '?'}
    </span>
  );
}
