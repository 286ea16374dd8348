import '@cruddur/react/styles/overlays.css';
import '../styles/settings.css';
import { ApiError, stateOf } from '@cruddur/client';
import { Handle, explain, useMe, useMessages } from '@cruddur/react';
import { type SubmitEvent, useEffect, useId, useRef, useState } from 'react';
import { useSignedIn } from '../signed-in.tsx';
import { usePageTexts } from '../texts/texts.tsx';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';

/** The code is loaded with that of a conversation. */
const loadBlockedPeople = () => import('./conversation.tsx');

/** The longest display name, in Unicode scalar values. */
const MAX_NAME = 64;

interface Props {
  notifies: boolean;
  onNotifies: (notifies: boolean) => void;
  onClose: () => void;
}

/** The settings of the signed-in user, and those of this browser. */
export function Settings({ notifies, onNotifies, onClose }: Props) {
  const { text } = usePagesTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    if (dialog.current?.open === false) {
      dialog.current.showModal();
    }
  }, []);

  return (
    <dialog ref={dialog} className="cruddur-dialog" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{text('settings.title')}</h2>
      <DisplayName />
      <ReadReceipts />
      <Notifications isOn={notifies} onChange={onNotifies} />
      <Blocked />
      <form method="dialog" className="cruddur-actions">
        <button type="submit" className="cruddur-button">
          {text('settings.close')}
        </button>
      </form>
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

/** The blocked people, who are loaded when the section is opened. */
function Blocked() {
  const { text } = usePagesTexts();
  const page = usePageTexts();
  const [isOpen, setOpen] = useState(false);
  const [loaded, setLoaded] = useState<Awaited<ReturnType<typeof loadBlockedPeople>> | 'failed' | null>(null);

  useEffect(() => {
    if (isOpen) {
      void loadBlockedPeople().then(setLoaded, () => setLoaded('failed'));
    }
  }, [isOpen]);

  return (
    <details className="cruddur-disclosure" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text('settings.blocked')}</summary>
      {loaded === 'failed' && (
        <p className="cruddur-problem" role="alert">
          {page.text('signIn.notLoaded')}
        </p>
      )}
      {isOpen && loaded !== null && loaded !== 'failed' && <loaded.BlockedPeople />}
    </details>
  );
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

/** The outcome of the last change of a setting. */
function useSaving() {
  const { texts } = useMessages();
  const { text } = usePagesTexts();
  const [outcome, setOutcome] = useState<{ problem: string | null } | null>(null);

  async function save(change: () => Promise<void>): Promise<boolean> {
    setOutcome(null);
    try {
      await change();
      setOutcome({ problem: null });
      return true;
    } catch (error) {
      const isInvalid = error instanceof ApiError && error.has('display_name_invalid');
      setOutcome({ problem: isInvalid ? text('settings.nameInvalid') : explain(texts, error) });
      return false;
    }
  }

  return { problem: outcome?.problem ?? null, isSaved: outcome?.problem === null, save };
}
