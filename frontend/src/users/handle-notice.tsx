import { useState } from 'react';
import type { User } from '../api/types.ts';
import { useSignedIn } from '../signed-in.tsx';
import { local } from '../storage/local.ts';
import { type HandleMismatch, handleMismatch } from './handle-mismatch.ts';
import { Handle } from './labels.tsx';
import { plainLine } from './name.ts';

/** Tells users whose handle is not the one they requested, until they dismiss it. */
export function HandleNotice({ me }: { me: User }) {
  const { me: person } = useSignedIn();
  // Kept after sign-out; otherwise every sign-in would show the notice again.
  const key = `cruddur.handle-told.${person.id}`;
  const [dismissed, setDismissed] = useState(() => local.get(key));
  const mismatch = handleMismatch(person.handle, me.handle);
  if (mismatch === null || dismissed === me.handle) {
    return null;
  }
  return (
    <div className="question" role="status">
      <p>
        <Reason mismatch={mismatch} /> You are <Handle handle={me.handle} />; people need this handle to write to you.
      </p>
      <p className="actions">
        <button
          type="button"
          className="button small"
          onClick={() => {
            local.set(key, me.handle);
            setDismissed(me.handle);
          }}
        >
          OK
        </button>
      </p>
    </div>
  );
}

function Reason({ mismatch }: { mismatch: NonNullable<HandleMismatch> }) {
  switch (mismatch.kind) {
    case 'missing':
      return 'You did not choose a handle when you signed up.';
    case 'malformed':
      return (
        <>
          “<bdi>{plainLine(mismatch.requested)}</bdi>” can't be a handle. Handles have at most 30
          characters: letters, digits, and . _ - only.
        </>
      );
    case 'taken':
      return (
        <>
          <Handle handle={mismatch.requested} /> was taken.
        </>
      );
    case 'changed':
      return (
        <>
          You are no longer <Handle handle={mismatch.requested} />.
        </>
      );
  }
}
