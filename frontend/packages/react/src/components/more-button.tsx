import { type RefObject, useEffectEvent, useLayoutEffect, useRef } from 'react';
import { useBaseTexts } from '../context.ts';

interface Props {
  label: string;
  isLoading: boolean;
  /** Whether the list loads by itself when its end is near. The keyboard then passes over the button. */
  isAutomatic?: boolean;
  onMore: () => void;
  /** The element that gets the focus when the button is removed with it. */
  heir?: RefObject<HTMLElement | null>;
}

/** The button that loads more of a list. It keeps the focus while it loads. */
export function MoreButton({ label, isLoading, isAutomatic = false, onMore, heir }: Props) {
  const { text } = useBaseTexts();
  const button = useRef<HTMLButtonElement>(null);

  const hand = useEffectEvent(() => heir?.current?.focus({ preventScroll: true }));
  useLayoutEffect(() => {
    const element = button.current;
    return () => {
      if (element?.matches(':focus') === true) {
        hand();
      }
    };
  }, []);

  return (
    <button
      ref={button}
      type="button"
      className="cruddur-button cruddur-small cruddur-quiet"
      tabIndex={isAutomatic && typeof IntersectionObserver !== 'undefined' ? -1 : 0}
      aria-disabled={isLoading}
      onClick={isLoading ? undefined : onMore}
    >
      {isLoading ? text('loading') : label}
    </button>
  );
}
