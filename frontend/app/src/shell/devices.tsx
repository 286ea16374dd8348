import { type Device, listDevices, millisOf, ownDevice, signOutEverywhere } from '@cruddur/client';
import { explain, useMessages } from '@cruddur/react';
import { useEffect, useState } from 'react';
import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { deviceName } from './device-name.ts';
import { SignOutQuestion } from './sign-out-question.tsx';
import { useSaving } from './use-saving.ts';
import { useUnsent } from './use-unsent.ts';

/** A section with the devices on which the app is open, and the sign-out on all of them. */
export function Devices() {
  const { text } = usePagesTexts();
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="cruddur-disclosure" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text('devices.title')}</summary>
      {isOpen && <DeviceList />}
      <SignOutEverywhere />
    </details>
  );
}

function DeviceList() {
  const { client } = useSignedIn();
  const { texts } = useMessages();
  const { text } = usePagesTexts();
  const [devices, setDevices] = useState<readonly Device[] | null>(null);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    let isShown = true;
    listDevices(client).then(
      (listed) => isShown && setDevices(listed),
      (failure: unknown) => isShown && setError(failure),
    );
    return () => {
      isShown = false;
    };
  }, [client]);

  return (
    <>
      <p className={error === null ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {error !== null
          ? explain(texts, error)
          : devices === null
            ? texts.text('loading')
            : text(devices.length === 0 ? 'devices.none' : 'devices.open')}
      </p>
      {devices !== null && devices.length > 0 && (
        <ul className="cruddur-devices">
          {devices.map((device) => (
            <DeviceItem key={device.device_uuid} device={device} isOwn={device.device_uuid === ownDevice(client)} />
          ))}
        </ul>
      )}
    </>
  );
}

function DeviceItem({ device, isOwn }: { device: Device; isOwn: boolean }) {
  const { text, rich, locale } = usePagesTexts();
  const { connected_at: at, user_agent: userAgent } = device;
  const name = deviceName(text, userAgent);
  const time = (
    <time key="time" dir="auto" dateTime={at}>
      {new Date(millisOf(at)).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' })}
    </time>
  );
  return (
    <li>
      <strong>{isOwn ? text('devices.own', { device: name }) : name}</strong>
      <span className="cruddur-hint">{rich('devices.since', { time })}</span>
    </li>
  );
}

/** Ends all sign-ins of the person after a confirmation, and signs out here. */
function SignOutEverywhere() {
  const { client } = useSignedIn();
  const signOut = useSignOut();
  const { text } = usePagesTexts();
  const { problem, save } = useSaving();
  const unsent = useUnsent();
  const [isAsking, setAsking] = useState(false);
  const [isEnding, setEnding] = useState(false);

  async function end() {
    setAsking(false);
    setEnding(true);
    if (await save(() => signOutEverywhere(client))) {
      signOut();
    }
    setEnding(false);
  }

  return (
    <div className="cruddur-form">
      {/* Not disabled, so that it keeps the focus. */}
      <button type="button" className="cruddur-button" aria-disabled={isEnding} onClick={() => setAsking(!isEnding)}>
        {text('devices.everywhere')}
      </button>
      <p className={problem === null ? 'cruddur-hint' : 'cruddur-problem'} role="status">
        {problem ?? text('devices.everywhereHint')}
      </p>
      {isAsking && (
        <SignOutQuestion
          question={[text('devices.question'), unsent()].join(' ').trim()}
          leave={text('devices.everywhere')}
          onLeave={() => void end()}
          onStay={() => setAsking(false)}
        />
      )}
    </div>
  );
}
