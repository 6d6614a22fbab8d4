/**
 * One question to many nodes: asked elsewhere when it fails, and at a second one when the first is slow.
 *
 * The best place is asked first. If it fails, the next best one is; if it has not answered after a while, the next best
 * is asked as well, and the first good answer counts. When all places have failed, and the failures may pass, all are
 * asked again after a pause, until the time is over. So only what may be asked twice may be asked here, which is all of
 * the API: reads change nothing, and an operation takes effect once.
 *
 * A node may also refuse. One node's refusal is only its word, so where answers are not believed, a second place is
 * asked, and the refusal counts when a second one refuses by the same name, or none is left.
 */
import { RemoteError } from "./errors.js";
/** Seconds before all places are asked again. */
export declare const FIRST_PAUSE = 0.1;
export declare const LONGEST_PAUSE = 2;
export type Place = import("./directory.js").Place;
/** @typedef {import("./directory.js").Place} Place */
/**
 * One question under way.
 *
 * @template T
 */
export declare class Asking<T> {
    #private;
    /** The answer and the place that gave it, or the last failure when the time is over. */
    done: Promise<{
        answer: T;
        place: Place;
    }>;
    /**
     * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask Asks one place; the signal says that nobody waits.
     * @param {(tried: Set<Place>) => Place | null} choose The best place but for some.
     * @param {import("./clock.js").Clock} clock
     * @param {object} options
     * @param {number | null} options.timeout Seconds for all of it; null for no end.
     * @param {number | null} [options.hedgeAfter] Seconds after which a second place is asked; null for never.
     * @param {(refusal: RemoteError) => boolean} [options.confirms] Whether a refusal is only believed when a second
     *   place gives it as well.
     * @param {(place: Place) => Set<Place>} [options.sameNode] The places of a place's node, which confirm nothing.
     */
    constructor(ask: (place: Place, signal: AbortSignal) => Promise<T>, choose: (tried: Set<Place>) => Place | null, clock: import("./clock.js").Clock, { timeout, hedgeAfter, confirms, sameNode }: {
        timeout: number | null;
        hedgeAfter?: number | null;
        confirms?: (refusal: RemoteError) => boolean;
        sameNode?: (place: Place) => Set<Place>;
    });
    /** @param {unknown} error Ask no more, and fail with it; does nothing when it is over. */
    stop(error: unknown): void;
}
