import type { MouseEvent, ReactNode } from 'react';
import { navigate as navigateTo, usePathname } from 'wouter/use-browser-location';

/** The path of the page, without a trailing slash. Paths in the code do not contain it. */
const BASE = import.meta.env.BASE_URL.replace(/\/$/, '');

/** The path of the address. */
export const usePath = (): string => withoutBase(usePathname());
export const currentPath = (): string => withoutBase(window.location.pathname);

function withoutBase(path: string): string {
  return path.startsWith(`${BASE}/`) ? path.slice(BASE.length) : '/';
}

export function navigate(path: string, options?: { replace?: boolean; state?: unknown }): void {
  navigateTo(hrefOf(path), options);
}

/** The address of a path, for links. */
export function hrefOf(path: string): string {
  return BASE + path;
}

/** Whether a click on a link opens it here. Others open a tab or a menu. */
function isPlain(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

export function Link({ to, className, children }: { to: string; className: string; children: ReactNode }) {
  const onClick = (event: MouseEvent) => {
    if (isPlain(event)) {
      event.preventDefault();
      navigate(to);
    }
  };
  return (
    <a className={className} href={hrefOf(to)} onClick={onClick}>
      {children}
    </a>
  );
}
