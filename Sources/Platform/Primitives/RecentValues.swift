/// Values by key, of which the ones used last are kept when there are too many.
///
/// They are kept in two generations, so that each call takes the same time on average however many
/// there are: what is not used while half of the limit is new is forgotten.
package struct RecentValues<Key: Hashable, Value> {
  private let generationMax: Int
  private var young: [Key: Value] = [:]
  private var old: [Key: Value] = [:]

  /// - Parameter limit: the most values that are kept, at least 2.
  package init(limit: Int) { generationMax = max(limit / 2, 1) }

  /// How many are kept.
  package var count: Int { young.count + old.count }

  /// The value of a key, which counts as used.
  package mutating func find(_ key: Key) -> Value? {
    if let value = young[key] { return value }
    guard let value = old[key] else { return nil }
    keep(value, for: key)
    return value
  }

  /// Keeps a value, in the place of an earlier one of the key.
  package mutating func keep(_ value: Value, for key: Key) {
    old[key] = nil
    if young.count >= generationMax, young[key] == nil {
      old = young
      young = [:]
    }
    young[key] = value
  }

  /// Forgets the value of a key.
  package mutating func forget(_ key: Key) {
    young[key] = nil
    old[key] = nil
  }
}

extension RecentValues: Sendable where Key: Sendable, Value: Sendable {}
