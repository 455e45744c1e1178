// How a function may end other than with a request.

// Nothing is to be sent, and why.
export class Skip extends Error {}

// This event can never be sent in this way, and why.
export class Unsendable extends Error {}

// The script has to be changed. It is certain when it does not depend on the event.
export class Mistake extends Error {
  constructor(message, isCertain = true) {
    super(message);
    this.isCertain = isCertain;
  }
}
