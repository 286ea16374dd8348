import type { KeyboardEvent as KeyboardEventOfReact } from 'react';

/** Whether the device's shortcuts use the command key. */
export const isApple = typeof navigator === 'object' && /Mac|iPhone|iPad/.test(navigator.platform);

/** Whether a key is a letter with Ctrl, or with the command key, on any keyboard: some have no Latin letters. */
export function isCommand(event: KeyboardEvent, letter: string): boolean {
  const { key, code, ctrlKey, metaKey, altKey, shiftKey } = event;
  const isKey = /^[a-z]$/i.test(key) ? key.toLowerCase() === letter : code === `Key${letter.toUpperCase()}`;
  return isKey && (isApple ? metaKey && !ctrlKey : ctrlKey && !metaKey) && !altKey && !shiftKey;
}

/** Whether the device has an on-screen keyboard. Its Enter key inserts a line break. */
export const isTouchKeyboard = (): boolean => window.matchMedia('(hover: none) and (pointer: coarse)').matches;

/** Whether a key belongs to the composition of a text. 229: Safari ends a composition before it reports the key that ended it. */
export function isComposing({ nativeEvent, keyCode }: KeyboardEventOfReact): boolean {
  return nativeEvent.isComposing || keyCode === 229;
}

/** Whether a menu or a dialog is open. */
export function isOverlayOpen(root: ParentNode): boolean {
  return root.querySelector('dialog[open], [role="menu"], [aria-modal="true"]') !== null;
}

/** The document or shadow tree of an element. */
export function rootOf(element: Element | null): Document | ShadowRoot {
  const root = element?.getRootNode();
  return root instanceof ShadowRoot ? root : document;
}
