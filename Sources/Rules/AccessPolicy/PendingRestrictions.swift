/// Restrictions that are known and have no effect yet.
package enum PendingRestrictions {
  /// Those among the words of a list, each once.
  package static func find(in words: [String]) -> [String] {
    var found: [String] = []
    for word in words where !found.contains(word) {
      if case .notYet? = RestrictionVerb.find(word.lowercased()) { found.append(word) }
    }
    return found
  }
}
