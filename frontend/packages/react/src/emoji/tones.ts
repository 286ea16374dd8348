/** The emoji with a skin tone from 1, the lightest, to 5. */
export function withTone(emoji: string, tone: number): string {
  return emoji.replaceAll(/(\p{Emoji_Modifier_Base})\u{FE0F}?/gu, `$1${String.fromCodePoint(0x1f3fa + tone)}`);
}
