import { useState } from 'react';
import type { User } from '../api/types.ts';
import { useSignedIn } from '../signed-in.tsx';
import { local } from '../storage/local.ts';
import { Handle } from './labels.tsx';
import { plainLine } from './name.ts';
import { type Wish, wishOf } from './wish.ts';

/** Says, until it is dismissed, that one's handle is not the one that one asked for. */
export function HandleNotice({ me }: { me: User }) {
  const { me: person } = useSignedIn();
  // It stays when one signs out, or it would be said again at every sign-in.
  const key = `cruddur.handle-told.${person.id}`;
  const [told, setTold] = useState(() => local.get(key));
  const wish = wishOf(person.handle, me.handle);
  if (wish === null || told === me.handle) {
    return null;
  }
  return (
    <div className="question" role="status">
      <p>
        <Reason wish={wish} /> You are <Handle handle={me.handle} />; people need this handle to write to you.
      </p>
      <p className="actions">
        <button
          type="button"
          className="button small"
          onClick={() => {
            local.set(key, me.handle);
            setTold(me.handle);
          }}
        >
          OK
        </button>
      </p>
    </div>
  );
}

function Reason({ wish }: { wish: NonNullable<Wish> }) {
  switch (wish.kind) {
    case 'missing':
      return 'You did not choose a handle when you signed up.';
    case 'malformed':
      return (
        <>
          “<bdi>{plainLine(wish.asked)}</bdi>” can't be a handle: it may have up to 30 letters, digits, and . _ - only.
        </>
      );
    case 'taken':
      return (
        <>
          <Handle handle={wish.asked} /> was taken.
        </>
      );
    case 'changed':
      return (
        <>
          You are no longer <Handle handle={wish.asked} />.
        </>
      );
  }
}
