const MAX_BYTES = 64;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The only emoji of a text, as the API accepts it; null if the text is anything else. */
export function emojiOf(text: string): string | null {
  const [only, ...more] = [...segmenter.segment(text.trim())].map(({ segment }) => segment);
  const isEmoji = only !== undefined && /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[#*0-9]\u{FE0F}?\u{20E3}/u.test(only);
  return isEmoji && more.length === 0 && new TextEncoder().encode(only).length <= MAX_BYTES ? only : null;
}

/** The length from which a text is not looked at. A family with skin tones has up to 30 UTF-16 units. */
const MAX_LARGE = 100;

// The flag `v` in a literal needs the target ES2024.
const ONE_TO_THREE = new RegExp(String.raw`^\s*(?:\p{RGI_Emoji}\s*){1,3}$`, 'v');

/** Whether a message is one to three emoji, and nothing else. */
export function isLargeEmoji(text: string): boolean {
  return text.length <= MAX_LARGE && ONE_TO_THREE.test(text);
}
