/** Adds popovers and modal dialogs to jsdom, which has none. They are shown where they are in the document. */
export function addTopLayer({ HTMLElement: AnyElement, HTMLDialogElement: Dialog }: typeof globalThis): void {
  Object.assign(AnyElement.prototype, {
    showPopover(this: HTMLElement) {
      // The style sheet of jsdom hides popovers.
      this.style.display = 'block';
      toggle(this, 'open');
    },
    hidePopover(this: HTMLElement) {
      this.style.display = '';
      toggle(this, 'closed');
    },
  });
  Object.assign(Dialog.prototype, {
    showModal(this: HTMLDialogElement) {
      this.open = true;
    },
    close(this: HTMLDialogElement) {
      this.open = false;
      this.dispatchEvent(new Event('close'));
    },
  });
}

function toggle(element: HTMLElement, newState: string): void {
  element.dispatchEvent(Object.assign(new Event('toggle'), { newState }));
}
