import Foundation

/// Does what blocks on a thread of its own.
///
/// The runtime has as many threads for tasks as there are processors: tests that block them keep
/// all others from going on, until what those wait for has had its time.
package func onOwnThread<Value: Sendable>(
  _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
  }
}
