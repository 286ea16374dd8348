/** The emoji that the menu of a message offers. The picker has all. */
export const COMMON_EMOJI = ['👍', '❤️', '😂', '😮', '😢', '🙏'];
