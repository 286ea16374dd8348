import { useEffect, useState } from 'react';
import { otherMember } from '@cruddur/client';
import { local } from '../auth/storage.ts';
import { historyStateOf, pathOf } from '../place.ts';
import { navigate } from '../route.tsx';
import { useSignedIn } from '../signed-in.tsx';

/** Whether this browser shows notifications, and a function that changes it. They are off until the person turns them on. */
export function useNotifications(): [boolean, (notifies: boolean) => void] {
  const { client, me } = useSignedIn();
  const key = `cruddur.notifications.${me.id}`;
  const [notifies, setNotifies] = useState(() => local.get(key) !== null);

  useEffect(() => {
    if (!notifies) {
      return undefined;
    }
    let stop = () => {};
    let isOver = false;
    // If the code can't be loaded, the person has other problems than missing notifications.
    void import('../notifications.ts')
      .then(({ startNotifications }) => {
        if (!isOver) {
          stop = startNotifications(client, (group) => {
            const place = { kind: 'group', uuid: group.uuid, person: otherMember(group) } as const;
            navigate(pathOf(place), { state: historyStateOf(place) });
          });
        }
      })
      .catch(() => undefined);
    return () => {
      isOver = true;
      stop();
    };
  }, [client, notifies]);

  return [
    notifies,
    (next) => {
      setNotifies(next);
      if (next) {
        local.set(key, 'on');
      } else {
        local.remove(key);
      }
    },
  ];
}
