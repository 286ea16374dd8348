import type { ReactNode } from 'react';

/** Drawn by hand: an icon library would be larger than the page. `mirrored` icons point the other way from right to left. */
function Icon({ children, mirrored = false }: { children: ReactNode; mirrored?: boolean }) {
  return (
    <svg className={mirrored ? 'cruddur-icon cruddur-mirrored' : 'cruddur-icon'} viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export function SendIcon() {
  return (
    <Icon mirrored>
      <path d="M5 12h13M12 5l7 7-7 7" />
    </Icon>
  );
}

export function BackIcon() {
  return (
    <Icon mirrored>
      <path d="M15 5l-7 7 7 7" />
    </Icon>
  );
}

export function DownIcon() {
  return (
    <Icon>
      <path d="M12 5v14M6 13l6 6 6-6" />
    </Icon>
  );
}

export function SentIcon() {
  return (
    <Icon>
      <path d="M5 12.5l4.5 4.5L19 7.5" />
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

export function AlertIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7.5v5.5M12 16.200v.2" />
    </Icon>
  );
}
