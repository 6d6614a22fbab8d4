/** WebSocket over TCP: the browser's, that of Node.js, or a class of the same form given by option. */
/** The longest answer that is taken, in characters. */
export declare const MESSAGE_MAX: number;
export type WebSocketClass = new (url: string) => WebSocketLike;
export type WebSocketLike = {
    send: (text: string) => void;
    close: (code?: number) => void;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
};
/**
 * @typedef {new (url: string) => WebSocketLike} WebSocketClass
 *
 * @typedef {object} WebSocketLike What is used of a WebSocket.
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onerror
 * @property {((event: any) => void) | null} onclose
 */
/**
 * Connect.
 *
 * @param {string} url `ws://` or `wss://`.
 * @param {WebSocketClass} WebSocket
 * @param {import("./opening.js").Limits} limits
 * @returns {Promise<import("../session/client.js").Carrier>}
 * @throws {ConnectionFailed} The node can't be reached.
 */
export declare function openWebSocket(url: string, WebSocket: WebSocketClass, limits: import("./opening.js").Limits): Promise<import("../session/client.js").Carrier>;
