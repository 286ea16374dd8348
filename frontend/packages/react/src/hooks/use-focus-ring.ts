import { useEffect, useRef, useState } from 'react';

/**
 * The props of a text field that has a focus ring only if the keyboard led to it. Browsers match `:focus-visible` on text fields
 * however they got the focus.
 */
export function useFocusRing() {
  const isKey = useRef(false);
  const [hasRing, setHasRing] = useState(false);
  useEffect(() => {
    const listening = new AbortController();
    const options = { signal: listening.signal, capture: true };
    window.addEventListener('keydown', () => (isKey.current = true), options);
    window.addEventListener('pointerdown', () => (isKey.current = false), options);
    return () => listening.abort();
  }, []);
  return {
    'data-ring': hasRing,
    onFocus: () => setHasRing(isKey.current),
    onBlur: () => setHasRing(false),
  };
}
