import type { ReactNode } from 'react';

/** Drawn by hand: an icon library would be larger than the page. `mirrored` icons point the other way from right to left. */
export function Icon({ children, mirrored = false }: { children: ReactNode; mirrored?: boolean }) {
  return (
    <svg className={mirrored ? 'cruddur-icon cruddur-mirrored' : 'cruddur-icon'} viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export function MoreIcon() {
  return (
    <Icon>
      <path d="M6 12v.01M12 12v.01M18 12v.01" />
    </Icon>
  );
}

export function ClockIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="8" />
      <path d="M12 7.5V12l3 2" />
    </Icon>
  );
}
