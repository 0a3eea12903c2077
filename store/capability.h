#pragma once

namespace portcall::store {

// The right to change, and to read what is changed: exists inside a Write job only.
class Tx;
// The right to read one consistent state: exists inside a Read query only. What may be done with either stands in
// the headers beside this one.
class Snapshot;

}  // namespace portcall::store
