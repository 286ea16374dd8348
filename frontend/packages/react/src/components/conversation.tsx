import {
  ApiError,
  type Bubble,
  type Entry,
  type Message,
  type MessageReference,
  type Recipient,
  type Target,
  Timeline,
  type TimelineItem,
  lastSeen,
  otherMember,
  sameHandle,
  shownName,
  stateOf,
} from '@cruddur/client';
import { type ReactNode, type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useClient, useComponents, useMessages } from '../context.ts';
import { useInbox, useMe, useOutbox, useSearchOfInbox, useThread } from '../hooks/data.ts';
import { useBlocking } from '../hooks/use-blocking.ts';
import { useConversationSearch } from '../hooks/use-conversation-search.ts';
import { type OpenConversationPlace, type Opened, useOpened } from '../hooks/use-opened.tsx';
import { useChanges, useShownGroup } from '../hooks/state.ts';
import { useGroupSettings } from '../hooks/use-group-settings.ts';
import { useFirstUnread } from '../hooks/use-first-unread.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { isEditable, storedMessage } from '../stored-message.ts';
import type { MessagesTexts } from '../texts/messages-texts.ts';
import { explain } from '../texts/explain.ts';
import { Announcement } from './announcement.tsx';
import { BlockedNotice } from './blocked-notice.tsx';
import { ConversationSkeleton } from './conversation-skeleton.tsx';
import type { OwnConversationValue } from './conversation-context.ts';
import { Handle, Name } from './labels.tsx';
import { RequestNotice } from './request-notice.tsx';
import { SuccessorQuestion } from './successor-question.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';
import { Composer as DefaultComposer } from './composer.tsx';
import { ConversationHead as DefaultConversationHead } from './conversation-head.tsx';
import { ConversationProblem as DefaultConversationProblem } from './conversation-problem.tsx';
import { MessageList as DefaultMessageList } from './message-list.tsx';

/** The props of the open conversation. */
export interface ConversationProps {
  /** Shown while no conversation is open. */
  empty?: ReactNode;
  /** Called with the name of the other user, or the title of a problem; null while no conversation is open. */
  onTitle?: (title: string | null) => void;
  /**
   * Whether a conversation that opens takes the focus: its text field, or on phones its heading. By default true. Set it to
   * false where a page shows a conversation from the start, or the page would scroll to it.
   */
  takesFocus?: boolean;
}

/** The open conversation: a group, or a new conversation by handle. */
export function Conversation({ empty = null, onTitle, takesFocus = true }: ConversationProps) {
  const { place } = useMessages();
  const opened = useOpened(place);
  const box = useRef<HTMLDivElement>(null);
  useTitle(opened === null ? null : opened.kind === 'problem' ? opened.title : undefined, onTitle);
  return (
    <div ref={box} className="cruddur cruddur-conversation">
      {opened === null ? empty : <OpenedPlace opened={opened} box={box} onTitle={onTitle} takesFocus={takesFocus} />}
    </div>
  );
}

type OnTitle = ((title: string | null) => void) | undefined;

interface OpenedPlaceProps {
  opened: Opened;
  box: RefObject<HTMLElement | null>;
  onTitle: OnTitle;
  takesFocus: boolean;
}

function OpenedPlace({ opened, box, onTitle, takesFocus }: OpenedPlaceProps) {
  const { rich } = useTexts();
  const { ConversationProblem = DefaultConversationProblem } = useComponents();
  switch (opened.kind) {
    case 'problem':
      return <ConversationProblem title={opened.title} text={opened.text} onRetry={opened.onRetry} />;
    case 'resolving':
      return (
        <div className="cruddur-message-frame cruddur-waiting" role="status">
          <p>{rich('start.looking', { handle: <Handle key="handle" handle={opened.handle} /> })}</p>
        </div>
      );
    case 'open':
      return <OpenConversation key={opened.key} place={opened} box={box} onTitle={onTitle} takesFocus={takesFocus} />;
  }
}

const NO_MESSAGES: readonly Message[] = [];

/** The number of messages among which the first unread one is looked for, if it is not on the first page. */
const MAX_SOUGHT = 100;

interface OpenProps {
  place: OpenConversationPlace;
  box: RefObject<HTMLElement | null>;
  onTitle: OnTitle;
  takesFocus: boolean;
}

function OpenConversation({ place: { group, person: known, successor, choose }, box, onTitle, takesFocus }: OpenProps) {
  const { client, reopenings } = useMessages();
  const { outbox } = client;
  const texts = useTexts();
  const {
    Composer = DefaultComposer,
    ConversationHead = DefaultConversationHead,
    ConversationProblem = DefaultConversationProblem,
    MessageList = DefaultMessageList,
  } = useComponents();
  const { me, error: meError } = useMe();
  const { value: thread, error, refresh, isLoadingMore, moreError, loadMore, isStored } = useThread(group);
  const { value: inbox, isStored: isInboxStored } = useInbox();
  const outgoing = useOutbox();
  const changes = useChanges();
  // Requested after the messages: a group that does not exist fails once.
  const shown = useShownGroup(thread === undefined ? null : group);
  const [timeline] = useState(() => new Timeline());
  const [sends, setSends] = useState(0);

  // Own messages can't be recognized before the own uuid is known.
  const messages = me === null ? NO_MESSAGES : (thread?.rows ?? NO_MESSAGES);
  const row = inbox?.rows.find(({ uuid }) => uuid === group);
  // The place has the name at the time of the click.
  const named = row ?? shown;
  const person = named === undefined ? (known ?? otherOf(messages, me?.uuid)) : otherMember(named);
  const entries = useMemo(
    () => outgoing.filter((entry) => isIn(entry, group, person)),
    // oxlint-disable-next-line react/exhaustive-deps
    [outgoing, group, person?.uuid, person?.handle],
  );
  const items = useMemo(
    () => timeline.items(messages, entries, me, changes),
    [timeline, messages, entries, me, changes],
  );
  const seen = useMemo(
    () => (shown === undefined || me === null ? null : lastSeen(messages, shown.members, me.uuid)),
    [messages, shown, me],
  );
  // Not by what an earlier page has stored.
  const unread = useFirstUnread(
    isStored ? NO_MESSAGES : messages,
    (isInboxStored ? undefined : row?.unread_count) ?? shown?.unread_count,
    me?.uuid,
  );
  // Without the older messages, the conversation opens at its end.
  const isSeeking = unread.isOlder && messages.length < MAX_SOUGHT && Boolean(thread?.next) && moreError === null;
  useEffect(() => {
    if (isSeeking && !isLoadingMore) {
      void loadMore(MAX_SOUGHT);
    }
  }, [isSeeking, isLoadingMore, loadMore]);
  const otherName = person === null ? '' : shownName(person.name, person.handle);
  const ownChanges = useMemo(() => [...changes.values()].flat().filter((change) => change.group === group), [changes, group]);
  const blocking = useBlocking(group, person?.uuid ?? shown?.user_uuid, entries, ownChanges);
  const { isBlocked } = blocking;
  const settings = useGroupSettings(group);
  const mutedUntil = (row ?? shown)?.muted_until;
  const isErased = shown?.members.some(({ erased }) => erased) ?? false;
  // Reactions and replies would tell the stranger that the message was seen.
  const isClosed = isBlocked || isErased || shown?.request !== undefined;
  const actions = useActions(group, items, otherName, isClosed, person?.uuid, unread.setFirst);
  const { conversation, edited, reply, editLast, endReply } = actions;
  const { search, match, ...searching } = useConversationSearch(box, group !== null);
  const actionProblem = blocking.problem ?? settings.problem ?? actions.problem;
  const newest = messages.at(-1);
  // A request is marked as read once it is accepted.
  const isMarked = group !== null && newest !== undefined && unread.isKnown && !isSeeking && shown?.request === undefined;
  const onRead = isMarked ? () => stateOf(client).reads.markRead(group, newest) : undefined;
  useTitle(person === null ? texts.text('conversation.label') : otherName, onTitle);
  // If the other user has not written, their name is in the inbox, perhaps beyond its loaded part.
  useSearchOfInbox(thread !== undefined && person === null);

  useEffect(() => {
    if (group !== null && person !== null) {
      outbox.assignGroup(person.uuid, group);
    }
    // oxlint-disable-next-line react/exhaustive-deps
  }, [outbox, group, person?.uuid]);

  // Before the messages are marked as read.
  useLayoutEffect(() => {
    if (group !== null) {
      stateOf(client).reads.opened(group);
    }
  }, [client, group, reopenings]);

  useEffect(() => {
    if (entries.length > 0) {
      outbox.removeListed(new Set(messages.map(({ uuid }) => uuid)));
    }
  }, [outbox, messages, entries]);

  const refusal =
    group !== null && thread === undefined && error instanceof ApiError && !error.isTransient && error.status !== 401
      ? error
      : null;
  const retry = () => void refresh();
  if (refusal !== null && entries.length === 0) {
    return <ConversationProblem title={titleOf(texts, refusal)} text={explain(texts, refusal)} onRetry={retry} />;
  }
  const loaded = group === null || (thread !== undefined && me !== null);
  const problem = thread === undefined ? error : meError;
  const target: Target | null =
    group === null ? person && { kind: 'user', ...person } : { kind: 'group', uuid: group };
  return (
    <>
      <ConversationHead
        person={person}
        takesFocus={takesFocus}
        isBlocked={isBlocked}
        onBlock={blocking.change}
        mutedUntil={mutedUntil}
        settings={settings.settings}
        onSearch={searching.open}
      />
      {search !== null && (
        <search.ConversationSearch
          items={items}
          hasOlder={Boolean(thread?.next)}
          isLoading={isLoadingMore}
          problem={moreError === null ? null : explain(texts, moreError)}
          onOlder={(limit) => void loadMore(limit)}
          onMatch={searching.onMatch}
          onClose={searching.close}
        />
      )}
      {!loaded && entries.length === 0 ? (
        problem === null ? (
          <ConversationSkeleton />
        ) : (
          <div className="cruddur-message-frame cruddur-waiting" role="status">
            {explain(texts, problem)}
          </div>
        )
      ) : (
        <MessageList
          items={items}
          older={(loaded && thread?.next) || null}
          loading={isLoadingMore}
          problem={moreError === null ? null : explain(texts, moreError)}
          onOlder={() => void loadMore()}
          sends={sends}
          firstUnread={unread.first}
          lastSeen={seen}
          edited={edited}
          found={match}
          conversation={conversation}
          onRead={onRead}
          beginning={
            loaded ? (
              <Beginning
                person={person}
                isNew={group === null}
                isCleared={group !== null && Boolean(client.clearedUntil.get(group))}
                asks={successor !== null}
              />
            ) : (
              <Missing error={problem} refusal={refusal} onRetry={retry} />
            )
          }
        />
      )}
      {loaded && !isStored && <Announcement items={items} mutedUntil={mutedUntil} />}
      {actionProblem !== null && (
        <p className="cruddur-conversation-problem cruddur-problem" role="alert">
          {actionProblem}
        </p>
      )}
      {actions.hasMoved && (
        <p className="cruddur-conversation-problem" role="status">
          {texts.text('edit.moved')}
        </p>
      )}
      {successor !== null && person !== null ? (
        <SuccessorQuestion person={person} successor={successor} onChoice={choose} />
      ) : isBlocked ? (
        <BlockedNotice person={person} isChanging={blocking.isChanging} onUnblock={() => blocking.change(false)} />
      ) : isErased ? (
        <p className="cruddur-question cruddur-composer-question" role="status">
          {texts.text('erased.notice')}
        </p>
      ) : group !== null && shown?.request !== undefined ? (
        <RequestNotice group={group} person={person} isDeclined={shown.request === 'declined'} />
      ) : (
        refusal === null &&
        target && (
          <Composer
            target={target}
            person={person}
            onSent={() => {
              setSends((count) => count + 1);
              actions.onSent();
            }}
            takesFocus={takesFocus || blocking.hasUnblocked}
            replyTo={reply}
            onReplyEnd={endReply}
            onEditLast={() => (edited === null ? editLast() : box.current?.querySelector<HTMLElement>('.cruddur-editor textarea')?.focus())}
          />
        )
      )}
    </>
  );
}

/** What the messages of a group offer, and the message that is edited or replied to. Both are kept with their texts. */
function useActions(
  group: string | null,
  items: readonly TimelineItem[],
  otherName: string,
  isBlocked: boolean,
  user: string | undefined,
  onUnread: (first: string) => void,
) {
  const client = useClient();
  const { drafts } = client;
  const texts = useTexts();
  const draft = `group:${group}`;
  const edit = `edit:${group}`;
  const [replyTo, setReplyTo] = useDraftMessage(draft);
  const [edited, setEdited] = useDraftMessage(edit);
  const find = (key: string | undefined) =>
    key === undefined ? null : (items.findLast((item): item is Bubble => item.kind === 'bubble' && item.key === key) ?? null);
  const [replied, changed] = [find(replyTo), find(edited)];
  const isGone = changed?.isDeleted ?? false;
  const [problem, setProblem] = useState<string | null>(null);
  const [hasMoved, setMoved] = useState(false);

  const startEdit = useCallback(
    (key: string | undefined) => {
      if (key !== drafts.message(edit)) {
        setMoved(drafts.read(edit) !== '');
        // The text of another edit is not lost: it can be sent as a new message.
        drafts.move(edit, draft);
      }
      setEdited(key);
    },
    [drafts, edit, draft, setEdited],
  );

  useEffect(() => {
    if (isGone) {
      // Another person or device has deleted the message.
      // oxlint-disable-next-line react/set-state-in-effect
      startEdit(undefined);
    }
  }, [isGone, startEdit]);

  const conversation = useMemo((): OwnConversationValue | null => {
    if (group === null) {
      return null;
    }
    const state = stateOf(client);
    const { changes, reads } = state;
    const fail = (key: 'inbox.notChanged' | 'block.failed') => (error: unknown) =>
      setProblem(texts.text(key, { reason: explain(texts, error) }));
    const withMessage = (change: (message: MessageReference) => void) => (bubble: Bubble) => {
      const message = storedMessage(bubble);
      if (message !== null) {
        change(message);
      }
    };
    return {
      otherName,
      isBlocked,
      react: (bubble, emoji, isOn) => withMessage((message) => changes.react(group, message, emoji, isOn))(bubble),
      reply: ({ key }) => setReplyTo(key),
      edit: ({ key }) => startEdit(key),
      readEdit: () => drafts.read(edit),
      writeEdit: (text) => drafts.write(edit, text),
      endEdit: () => {
        drafts.write(edit, '');
        setEdited(undefined);
      },
      save: (bubble, text) => withMessage((message) => changes.edit(group, message, text))(bubble),
      remove: withMessage((message) => changes.delete(group, message)),
      report: async (bubble, reason) => {
        const message = storedMessage(bubble);
        if (message !== null) {
          await state.report(group, message, reason);
        }
      },
      block: () => {
        setProblem(null);
        if (user !== undefined) {
          state.blocks.block(user).catch(fail('block.failed'));
        }
      },
      markUnread: withMessage((message) => {
        setProblem(null);
        onUnread(message.uuid);
        reads.markUnread(group, message).catch(fail('inbox.notChanged'));
      }),
    };
  }, [client, drafts, texts, group, edit, otherName, isBlocked, user, onUnread, setReplyTo, setEdited, startEdit]);

  return {
    conversation,
    edited: changed === null || isGone ? null : changed.key,
    reply: replied?.isDeleted ? null : replied,
    problem,
    /** Whether the text of an edit that did not end is in the text field now. */
    hasMoved,
    onSent: () => setMoved(false),
    editLast: () => {
      const last = items.findLast((item): item is Bubble => item.kind === 'bubble' && item.own && !item.isDeleted);
      // Not one before an unsent message: it would be the wrong one.
      if (last && isEditable(last)) {
        startEdit(last.key);
      }
    },
    endReply: () => setReplyTo(undefined),
  };
}

/** The message that a draft replies to or edits, and a function that changes it. */
function useDraftMessage(name: string) {
  const { drafts } = useClient();
  const [message, setMessage] = useState(() => drafts.message(name));
  const change = useCallback(
    (to: string | undefined) => {
      setMessage(to);
      drafts.refer(name, to);
    },
    [drafts, name],
  );
  return [message, change] as const;
}

/** Reports a title, unless it is undefined. */
function useTitle(title: string | null | undefined, onTitle: OnTitle): void {
  useEffect(() => {
    if (title !== undefined) {
      onTitle?.(title);
    }
  }, [title, onTitle]);
}

function titleOf({ text }: MessagesTexts, { status }: ApiError): string {
  return text(status === 404 ? 'conversation.none' : 'conversation.notLoaded');
}

/** Shown above unsent messages while the conversation is not loaded. */
function Missing({ error, refusal, onRetry }: { error: unknown; refusal: ApiError | null; onRetry: () => void }) {
  const texts = useTexts();
  return (
    <div className="cruddur-beginning" role="status">
      {refusal !== null && <p>{titleOf(texts, refusal)}</p>}
      <p>{error === null ? texts.text('conversation.loading') : explain(texts, error)}</p>
      {refusal !== null && (
        <button type="button" className="cruddur-button cruddur-small" onClick={onRetry}>
          {texts.text('tryAgain')}
        </button>
      )}
    </div>
  );
}

interface BeginningProps {
  person: Recipient | null;
  isNew: boolean;
  /** Whether the person has cleared earlier messages. */
  isCleared: boolean;
  asks: boolean;
}

/** The text above the oldest message. */
function Beginning({ person, isNew, isCleared, asks }: BeginningProps) {
  const { text, rich } = useTexts();
  const { Avatar = DefaultAvatar } = useComponents();
  if (isCleared) {
    return <p className="cruddur-beginning">{text('clear.done')}</p>;
  }
  if (person === null) {
    return <p className="cruddur-beginning">{text('conversation.begins')}</p>;
  }
  const name = <Name key="name" name={person.name} handle={person.handle} />;
  if (!isNew) {
    return (
      <div className="cruddur-beginning">
        <p>{rich('conversation.beginsWith', { name })}</p>
      </div>
    );
  }
  return (
    <div className="cruddur-beginning">
      <Avatar name={person.name} handle={person.handle} />
      <p>{rich('conversation.noMessages', { name })}</p>
      {!asks && <p>{text('conversation.writeFirst')}</p>}
    </div>
  );
}

/** The other user by their messages, for a conversation that is not in the loaded inbox. */
function otherOf(messages: readonly Message[], me: string | undefined): Recipient | null {
  const theirs = messages.findLast(({ user_uuid: sender }) => sender !== me);
  return theirs ? { uuid: theirs.user_uuid, handle: theirs.handle, name: theirs.display_name } : null;
}

/** Whether an unsent message belongs to this conversation. A message by handle is shown with the handle's current user. */
function isIn({ group: its, target }: Entry, group: string | null, person: Recipient | null): boolean {
  if (its !== null) {
    return its === group;
  }
  switch (target.kind) {
    case 'group':
      return target.uuid === group;
    case 'user':
      return target.uuid === person?.uuid;
    case 'handle':
      return person !== null && sameHandle(target.handle, person.handle);
  }
}
