import type { MouseEvent, ReactNode } from 'react';
import { useMessages } from '../context.ts';
import { isSamePlace, type Place } from '../place.ts';

interface Props {
  /** Null is the list of conversations. */
  to: Place | null;
  className?: string;
  label?: string;
  onClick?: () => void;
  children: ReactNode;
}

/** Opens a place. A link if the places have addresses, otherwise a button. */
export function PlaceLink({ to, className, label, onClick, children }: Props) {
  const { place, onPlace, hrefOf } = useMessages();
  const current = to !== null && isSamePlace(place, to) ? 'page' : undefined;
  const open = () => {
    onClick?.();
    onPlace(to, false);
  };
  if (hrefOf === undefined) {
    return (
      <button type="button" className={className} aria-current={current} aria-label={label} onClick={open}>
        {children}
      </button>
    );
  }
  const onLinkClick = (event: MouseEvent) => {
    // Other clicks open a tab or a menu.
    if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      open();
    }
  };
  return (
    <a className={className} href={hrefOf(to)} aria-current={current} aria-label={label} onClick={onLinkClick}>
      {children}
    </a>
  );
}
