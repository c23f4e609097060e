// A page that is not a secure context: the browser hides `crypto.subtle`. To be imported before the SDK.
Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined })
