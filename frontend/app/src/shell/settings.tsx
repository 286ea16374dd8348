import '@cruddur/react/styles/overlays.css';
import '../styles/settings.css';
import { eraseAccount, exportOf, sameHandle, stateOf, typedHandle } from '@cruddur/client';
import { Handle, useMe, useShortcutList } from '@cruddur/react';
import { type ReactNode, type SubmitEvent, useEffect, useId, useRef, useState } from 'react';
import { local } from '../auth/storage.ts';
import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { type Theme, applyTheme, THEME_KEY } from '../theme.ts';
import { usePageTexts } from '../texts/texts.tsx';
import type { PagesTextKey } from '../texts/pages/en.ts';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { Devices } from './devices.tsx';
import { useSaving } from './use-saving.ts';

/** The code of the lists is loaded with that of a conversation. */
const loadLists = () => import('./conversation.tsx');
type Lists = Awaited<ReturnType<typeof loadLists>>;

/** The choices of who may write, with their texts. */
const MESSAGES_FROM = { everyone: 'settings.everyone', requests: 'settings.requests', nobody: 'settings.nobody' } as const;

const THEMES = { '': 'settings.system', light: 'settings.light', dark: 'settings.dark' } as const;

/** The longest display name, in Unicode scalar values. */
const MAX_NAME = 64;

/** Choices that belong to the browser, and how to change them. */
export interface BrowserChoices {
  /** Whether it shows notifications. */
  notifies: boolean;
  onNotifies: (notifies: boolean) => void;
  /** Whether the question mark lists the keyboard shortcuts. */
  hasListKey: boolean;
  onListKey: (hasListKey: boolean) => void;
}

interface Props extends BrowserChoices {
  onClose: () => void;
}

/** The settings of the signed-in user, and those of this browser. */
export function Settings({ notifies, onNotifies, hasListKey, onListKey, onClose }: Props) {
  const { text } = usePagesTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    if (dialog.current?.open === false) {
      dialog.current.showModal();
      // Not the text field, whose ring is shown after a click too, and for which phones show a keyboard.
      dialog.current.focus();
    }
  }, []);

  return (
    <dialog ref={dialog} className="cruddur-dialog" aria-labelledby={id} tabIndex={-1} onClose={onClose}>
      <form method="dialog" className="cruddur-settings-head">
        <h2 id={id}>{text('settings.title')}</h2>
        <button type="submit" className="cruddur-icon-button" aria-label={text('settings.close')} title={text('settings.close')}>
          <svg className="cruddur-icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d="M6 6l12 12M18 6L6 18" />
          </svg>
        </button>
      </form>
      <DisplayName />
      <ReadReceipts />
      <Notifications isOn={notifies} onChange={onNotifies} />
      <Appearance />
      {window.matchMedia('(pointer: fine)').matches && <Shortcuts hasListKey={hasListKey} onChange={onListKey} />}
      <WhoMayWrite />
      <Disclosure title={text('settings.blocked')}>{({ BlockedPeople }) => <BlockedPeople />}</Disclosure>
      <Devices />
      <Download />
      <DeleteAccount />
    </dialog>
  );
}

function DisplayName() {
  const { client } = useSignedIn();
  const { text, rich } = usePagesTexts();
  const { me } = useMe();
  const [typed, setTyped] = useState<string | null>(null);
  const { problem, isSaved, save } = useSaving();
  const id = useId();
  const name = typed ?? me?.display_name ?? '';
  const isValid = name.trim() !== '' && [...name].length <= MAX_NAME;

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isValid) {
      void save(() => stateOf(client).updateMe({ display_name: name.trim() })).then((isDone) => isDone && setTyped(null));
    }
  }

  return (
    <form className="cruddur-form" onSubmit={onSubmit}>
      <label htmlFor={id}>{text('settings.name')}</label>
      <div className="cruddur-input-row">
        <input
          id={id}
          type="text"
          className="cruddur-input"
          dir="auto"
          autoComplete="name"
          value={name}
          onChange={(event) => setTyped(event.target.value)}
          aria-invalid={!isValid && typed !== null}
          aria-describedby={`${id}-hint`}
        />
        <button type="submit" className="cruddur-button" disabled={typed === null || typed === me?.display_name || !isValid}>
          {text('settings.save')}
        </button>
      </div>
      <p id={`${id}-hint`} className={problem === null && isValid ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {problem ??
          (!isValid && typed !== null
            ? text('settings.nameRule', { max: MAX_NAME })
            : isSaved
              ? text('settings.saved')
              : me && rich('settings.handle', { handle: <Handle key="handle" handle={me.handle} /> }))}
      </p>
    </form>
  );
}

function ReadReceipts() {
  const { client } = useSignedIn();
  const { text } = usePagesTexts();
  const { me } = useMe();
  const { problem, save } = useSaving();
  return (
    <Switch
      label={text('settings.receipts')}
      hint={text('settings.receiptsHint')}
      problem={problem}
      isOn={me?.read_receipts ?? true}
      disabled={me?.read_receipts === undefined}
      onChange={(isOn) => void save(() => stateOf(client).updateMe({ read_receipts: isOn }))}
    />
  );
}

function Notifications({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const { text } = usePagesTexts();
  const [permission, setPermission] = useState(() => (typeof Notification === 'function' ? Notification.permission : null));

  async function change(next: boolean) {
    const granted = next ? await Notification.requestPermission() : permission;
    setPermission(granted);
    onChange(next && granted === 'granted');
  }

  const problem = permission === null ? 'settings.notificationsMissing' : permission === 'denied' ? 'settings.notificationsDenied' : null;
  return (
    <Switch
      label={text('settings.notifications')}
      hint={text('settings.notificationsHint')}
      problem={problem && text(problem)}
      isOn={isOn && permission === 'granted'}
      disabled={problem !== null}
      onChange={(next) => void change(next)}
    />
  );
}

function Appearance() {
  const { text } = usePagesTexts();
  const [theme, setTheme] = useState<Theme>(() => {
    const stored = local.get(THEME_KEY);
    return stored === 'light' || stored === 'dark' ? stored : '';
  });

  function change(next: Theme) {
    setTheme(next);
    applyTheme(next);
    local.set(THEME_KEY, next);
  }

  return (
    <Choice label={text('settings.theme')} hint={text('settings.themeHint')} options={THEMES} value={theme} onChange={change} />
  );
}

function Shortcuts({ hasListKey, onChange }: { hasListKey: boolean; onChange: (hasListKey: boolean) => void }) {
  const { text } = usePagesTexts();
  const { show, list } = useShortcutList(hasListKey);
  const id = useId();
  return (
    <>
      <div className="cruddur-switch">
        <h3 id={id}>{text('settings.keys')}</h3>
        <button type="button" className="cruddur-button" aria-labelledby={`${id}-button ${id}`} aria-haspopup="dialog" onClick={show}>
          <span id={`${id}-button`}>{text('settings.keysShow')}</span>
        </button>
      </div>
      <Switch
        label={text('settings.listKey')}
        hint={text('settings.listKeyHint')}
        problem={null}
        isOn={hasListKey}
        disabled={false}
        onChange={onChange}
      />
      {list}
    </>
  );
}

function WhoMayWrite() {
  const { client } = useSignedIn();
  const { text } = usePagesTexts();
  const { me } = useMe();
  const { problem, save } = useSaving();
  return (
    <Choice
      label={text('settings.messagesFrom')}
      hint={text('settings.messagesFromHint')}
      problem={problem}
      options={MESSAGES_FROM}
      value={me?.messages_from ?? 'everyone'}
      disabled={me?.messages_from === undefined}
      onChange={(from) => void save(() => stateOf(client).updateMe({ messages_from: from }))}
    />
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  hint: string;
  problem?: string | null;
  /** The values with their texts. */
  options: Record<Value, PagesTextKey>;
  value: Value;
  disabled?: boolean;
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ label, hint, problem = null, options, value, disabled, onChange }: ChoiceProps<Value>) {
  const { text } = usePagesTexts();
  const id = useId();
  const values = Object.keys(options) as Value[];
  return (
    <div className="cruddur-switch">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        className="cruddur-select"
        value={value}
        disabled={disabled}
        onChange={({ target }) => {
          const chosen = values.find((each) => each === target.value);
          if (chosen !== undefined) {
            onChange(chosen);
          }
        }}
        aria-describedby={`${id}-hint`}
      >
        {values.map((each) => (
          <option key={each} value={each}>
            {text(options[each])}
          </option>
        ))}
      </select>
      <p id={`${id}-hint`} className={problem === null ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {problem ?? hint}
      </p>
    </div>
  );
}

/** A section with a list, whose code is loaded when it is opened. */
function Disclosure({ title, children }: { title: string; children: (lists: Lists) => ReactNode }) {
  const page = usePageTexts();
  const [isOpen, setOpen] = useState(false);
  const [loaded, setLoaded] = useState<Lists | 'failed' | null>(null);

  useEffect(() => {
    if (isOpen) {
      void loadLists().then(setLoaded, () => setLoaded('failed'));
    }
  }, [isOpen]);

  return (
    <details className="cruddur-disclosure" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {loaded === 'failed' && (
        <p className="cruddur-problem" role="alert">
          {page.text('signIn.notLoaded')}
        </p>
      )}
      {isOpen && loaded !== null && loaded !== 'failed' && children(loaded)}
    </details>
  );
}

/** Downloads everything that the API shows the user. Closing the settings ends it. */
function Download() {
  const { client } = useSignedIn();
  const { text } = usePagesTexts();
  const { me } = useMe();
  const [lines, setLines] = useState<number | null>(null);
  const { problem, isSaved, save } = useSaving();
  const isShown = useRef(false);
  const id = useId();

  useEffect(() => {
    isShown.current = true;
    return () => {
      isShown.current = false;
    };
  }, []);

  async function download() {
    const pages: string[] = [];
    setLines(0);
    const isDone = await save(async () => {
      for await (const page of exportOf(client)) {
        if (!isShown.current) {
          return;
        }
        pages.push(page);
        setLines((before) => (before ?? 0) + page.split('\n').length - 1);
      }
    });
    setLines(null);
    if (isDone && isShown.current) {
      offer(new Blob(pages, { type: 'application/x-ndjson' }), `${me?.handle ?? 'me'}-${new Date().toISOString().slice(0, 10)}.jsonl`);
    }
  }

  return (
    <div className="cruddur-switch">
      <h3 id={id}>{text('settings.export')}</h3>
      <button
        type="button"
        className="cruddur-button"
        aria-labelledby={`${id}-button ${id}`}
        disabled={lines !== null}
        onClick={() => void download()}
      >
        <span id={`${id}-button`}>{text('settings.download')}</span>
      </button>
      <p className={problem === null ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {problem ??
          (lines !== null ? text('settings.exporting', { lines }) : isSaved ? text('settings.exported') : text('settings.exportHint'))}
      </p>
    </div>
  );
}

/** Deletes the account, after the person has typed the handle. */
function DeleteAccount() {
  const { client } = useSignedIn();
  const signOut = useSignOut();
  const { text, rich } = usePagesTexts();
  const { me } = useMe();
  const [typed, setTyped] = useState('');
  const [isDeleting, setDeleting] = useState(false);
  const { problem, save } = useSaving();
  const id = useId();
  const isConfirmed = me !== null && sameHandle(typedHandle(typed), me.handle);

  async function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!isConfirmed || isDeleting) {
      return;
    }
    setDeleting(true);
    if (await save(() => eraseAccount(client))) {
      signOut();
    }
    setDeleting(false);
  }

  return (
    <details className="cruddur-disclosure">
      <summary>{text('settings.deleteAccount')}</summary>
      <form className="cruddur-form" onSubmit={(event) => void onSubmit(event)}>
        <p>{text('settings.deleteHint')}</p>
        <label htmlFor={id}>{me && rich('settings.deleteConfirm', { handle: <Handle key="handle" handle={me.handle} /> })}</label>
        <div className="cruddur-input-row">
          <input
            id={id}
            type="text"
            className="cruddur-input"
            dir="ltr"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <button type="submit" className="cruddur-button cruddur-danger" disabled={!isConfirmed || isDeleting}>
            {text('settings.delete')}
          </button>
        </div>
        <p className="cruddur-problem" role="status">
          {problem}
        </p>
      </form>
    </details>
  );
}

/** Lets the browser save a file. */
function offer(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has opened it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

interface SwitchProps {
  label: string;
  hint: string;
  problem: string | null;
  isOn: boolean;
  disabled: boolean;
  onChange: (isOn: boolean) => void;
}

function Switch({ label, hint, problem, isOn, disabled, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div className="cruddur-switch">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={isOn}
        aria-checked={isOn}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        aria-describedby={`${id}-hint`}
      />
      <p id={`${id}-hint`} className={problem === null ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {problem ?? hint}
      </p>
    </div>
  );
}
