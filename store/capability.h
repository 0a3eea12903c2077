#pragma once

namespace portcall::store {

// The right to change: exists inside a Write job only.
class Tx;
// The right to read one consistent state: exists inside a Read query, and inside a Write job, where it shows what the
// job has changed. What may be done with either stands in the headers beside this one.
class Snapshot;
Snapshot& ReadIn(Tx& tx);  // lives as long as `tx`

}  // namespace portcall::store
