/** A module of its own, so that the inbox can load it later. */
export { Virtualizer, type VirtualizerHandle } from 'virtua';
