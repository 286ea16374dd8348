import { type RefObject, useEffect, useEffectEvent } from 'react';
import { moveFrom } from '../motion.ts';

/** Pixels of a move after which its direction is known. */
const STEADY = 10;
/** Milliseconds within which a swipe begins. A longer press opens the menu. */
const BEGINS_WITHIN = 500;
/** Pixels that a row is moved until a swipe has an effect, and at most. */
const THRESHOLD = 56;
const FARTHEST = 72;
/** Pixels at the edges of the window, where a swipe goes back in the browser. */
const EDGE = 24;

interface Swipe {
  row: HTMLElement;
  x: number;
  y: number;
  at: number;
  /** What the swipe does; null until its direction is known. */
  effect: (() => void) | null;
}

/**
 * Swipes of a list's rows by touch, towards the end of the line. `rows` is the selector of a row. `effectOf` returns what a swipe
 * of a row does; null for nothing.
 *
 * The rows need `touch-action: pan-y`. A swiped row has the attribute `data-swipe`: `ready` if its release has the effect.
 */
export function useSwipe(box: RefObject<HTMLElement | null>, rows: string, effectOf: (row: HTMLElement) => (() => void) | null): void {
  const find = useEffectEvent(effectOf);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    const listening = new AbortController();
    const { signal } = listening;
    let swipe: Swipe | null = null;
    const sign = () => (getComputedStyle(element).direction === 'rtl' ? -1 : 1);

    const end = () => {
      if (swipe?.effect) {
        const { row } = swipe;
        const from = row.style.transform;
        row.style.transform = '';
        delete row.dataset['swipe'];
        moveFrom(row, { transform: from });
      }
      swipe = null;
    };

    element.addEventListener(
      'pointerdown',
      ({ target, pointerType, isPrimary, clientX: x, clientY: y, timeStamp: at }) => {
        end();
        const row = target instanceof Element && !target.closest('textarea') ? target.closest<HTMLElement>(rows) : null;
        if (row !== null && pointerType === 'touch' && isPrimary && x > EDGE && x < window.innerWidth - EDGE) {
          swipe = { row, x, y, at, effect: null };
        }
      },
      { signal },
    );
    element.addEventListener(
      'pointermove',
      ({ clientX, clientY, timeStamp }) => {
        if (swipe === null) {
          return;
        }
        const along = (clientX - swipe.x) * sign();
        const across = Math.abs(clientY - swipe.y);
        if (swipe.effect === null && Math.max(Math.abs(along), across) > STEADY) {
          swipe.effect = along > across && timeStamp - swipe.at < BEGINS_WITHIN ? find(swipe.row) : null;
          if (swipe.effect === null) {
            swipe = null;
          }
        }
        if (swipe?.effect) {
          const distance = Math.min(Math.max(along - STEADY, 0), FARTHEST);
          swipe.row.style.transform = `translateX(${distance * sign()}px)`;
          swipe.row.dataset['swipe'] = distance >= THRESHOLD ? 'ready' : 'moving';
        }
      },
      { signal },
    );
    element.addEventListener(
      'pointerup',
      () => {
        const effect = swipe?.row.dataset['swipe'] === 'ready' ? swipe.effect : null;
        end();
        effect?.();
      },
      { signal },
    );
    element.addEventListener('pointercancel', end, { signal });
    return () => {
      end();
      listening.abort();
    };
  }, [box, rows]);
}
