import { type Recipient, isMuted } from '@cruddur/client';
import { type ComponentType, useCallback, useEffect, useRef, useState } from 'react';
import { useComponents } from '../context.ts';
import type { ConversationSettings } from '../conversation-settings.ts';
import { useNow } from '../hooks/use-now.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import type { ConversationMenuProps } from './conversation-menu.tsx';
import { MoreIcon } from './icon.tsx';
import { BackIcon } from './icons.tsx';
import { Handle, Name } from './labels.tsx';
import { MutedMark } from './muted-mark.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a conversation's heading. */
export interface ConversationHeadProps {
  /** The other user; null until known. */
  person: Recipient | null;
  /** Whether the heading takes the focus on phones when it is shown. */
  takesFocus: boolean;
  /** Whether the person blocks the other user. */
  isBlocked?: boolean;
  /** Blocks the other user, or ends the block. Without it, the heading has no menu. */
  onBlock?: ((isBlocked: boolean) => void) | undefined;
  /** The end of the mute, which may be over. */
  mutedUntil?: string | undefined;
  /** Without it, the menu offers no settings of the conversation. */
  settings?: ConversationSettings | undefined;
  /** Opens the search in the conversation. */
  onSearch?: (() => void) | undefined;
}

/** The other user with a menu, and on a phone the link back to the inbox. */
export function ConversationHead(props: ConversationHeadProps) {
  const { person, takesFocus, isBlocked = false, onBlock, mutedUntil, settings, onSearch } = props;
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  const [focuses] = useState(takesFocus);

  // On phones the composer does not take the focus: screen readers start at the heading.
  useEffect(() => {
    if (focuses && !window.matchMedia('(pointer: fine)').matches) {
      heading.current?.focus();
    }
  }, [focuses]);

  return (
    <header className="cruddur-conversation-head">
      <PlaceLink className="cruddur-icon-button cruddur-back" to={null} label={text('conversation.back')}>
        <BackIcon />
      </PlaceLink>
      {person !== null && <Avatar name={person.name} handle={person.handle} small />}
      <h2 ref={heading} className="cruddur-who" tabIndex={-1}>
        {person === null ? (
          text('conversation.label')
        ) : (
          <>
            <Name className="cruddur-name" name={person.name} handle={person.handle} /> <Handle handle={person.handle} />
          </>
        )}
      </h2>
      {mutedUntil !== undefined && <Mute until={mutedUntil} />}
      {person !== null && onBlock && (
        <HeadMenu person={person} isBlocked={isBlocked} mutedUntil={mutedUntil} settings={settings} onSearch={onSearch} onBlock={onBlock} />
      )}
    </header>
  );
}

/** The mark of a mute until it ends. */
function Mute({ until }: { until: string }) {
  return isMuted(until, useNow()) && <MutedMark />;
}

/** The button of the menu, whose code is loaded when it is opened. */
function HeadMenu(props: Omit<ConversationMenuProps, 'anchor' | 'onClose'>) {
  const { text } = useTexts();
  const [menu, setMenu] = useState<{ opening: number; anchor: MenuAnchor; ConversationMenu: ComponentType<ConversationMenuProps> } | null>(null);
  const openings = useRef(0);
  const onClose = useCallback(() => setMenu(null), []);

  async function open(anchor: MenuAnchor): Promise<void> {
    try {
      const { ConversationMenu } = await import('./conversation-menu.tsx');
      openings.current += 1;
      setMenu({ opening: openings.current, anchor, ConversationMenu });
    } catch {
      // Offline, or the page was replaced by a newer version.
    }
  }

  return (
    <>
      <button
        type="button"
        className="cruddur-icon-button"
        aria-label={text('conversation.menu')}
        title={text('conversation.menu')}
        aria-haspopup="menu"
        onMouseDown={(event) => event.preventDefault()}
        onClick={(event) => void open(event.currentTarget.getBoundingClientRect())}
      >
        <MoreIcon />
      </button>
      {menu !== null && <menu.ConversationMenu key={menu.opening} {...props} anchor={menu.anchor} onClose={onClose} />}
    </>
  );
}
