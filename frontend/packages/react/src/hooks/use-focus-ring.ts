import { useEffect, useRef, useState } from 'react';

/**
 * The props of a text field that has a focus ring only after the Tab key. Browsers match `:focus-visible` on text fields
 * however they got the focus.
 */
export function useFocusRing() {
  const isTab = useRef(false);
  const [hasRing, setHasRing] = useState(false);
  useEffect(() => {
    const listening = new AbortController();
    const options = { signal: listening.signal, capture: true };
    window.addEventListener('keydown', ({ key }) => (isTab.current = key === 'Tab'), options);
    window.addEventListener('pointerdown', () => (isTab.current = false), options);
    return () => listening.abort();
  }, []);
  return {
    'data-ring': hasRing,
    onFocus: () => setHasRing(isTab.current),
    onBlur: () => setHasRing(false),
  };
}
