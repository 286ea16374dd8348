/** The length from which a text is not looked at. A family with skin tones has up to 30 UTF-16 units. */
const MAX_LARGE = 100;

// The flag `v` in a literal needs the target ES2024.
const ONE_TO_THREE = new RegExp(String.raw`^\s*(?:\p{RGI_Emoji}\s*){1,3}$`, 'v');

/** Whether a message is one to three emoji, and nothing else. */
export function isLargeEmoji(text: string): boolean {
  return text.length <= MAX_LARGE && ONE_TO_THREE.test(text);
}
