// A chunk of its own: most visits to the settings do without it.
export { BlockedPeople } from '@cruddur/react';
