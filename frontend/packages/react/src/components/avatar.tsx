import type { CSSProperties } from 'react';
import { hue, initials } from '@cruddur/client';

declare module 'react' {
  interface CSSProperties {
    '--_hue'?: number;
  }
}

/** The props of a user's picture. */
export interface AvatarProps {
  name: string;
  handle: string;
  small?: boolean;
}

/** A user's initials, on a color derived from the handle. */
export function Avatar({ name, handle, small = false }: AvatarProps) {
  const style: CSSProperties = { '--_hue': hue(handle) };
  return (
    <span className={small ? 'cruddur-avatar cruddur-small' : 'cruddur-avatar'} style={style} aria-hidden="true">
      {initials(name) || initials(handle) || '?'}
    </span>
  );
}
