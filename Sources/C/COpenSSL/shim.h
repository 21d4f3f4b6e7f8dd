// OpenSSL for Swift: its headers, and functions for the macros that Swift does not import.

#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// A ticket's name, IV, cipher and MAC; `encrypt` is 1 for a new ticket and 0 for one that came.
typedef int (*copenssl_ticket_callback)(
    SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int encrypt);
typedef int (*copenssl_server_name_callback)(SSL *ssl, int *alert, void *argument);

static const uint64_t copenssl_op_all = SSL_OP_ALL;
static const uint64_t copenssl_op_no_sslv3 = SSL_OP_NO_SSLv3;
static const uint64_t copenssl_op_no_tlsv1 = SSL_OP_NO_TLSv1;
static const uint64_t copenssl_op_no_tlsv1_1 = SSL_OP_NO_TLSv1_1;
static const uint64_t copenssl_op_no_tlsv1_2 = SSL_OP_NO_TLSv1_2;
static const uint64_t copenssl_op_no_tlsv1_3 = SSL_OP_NO_TLSv1_3;
static const uint64_t copenssl_op_no_ticket = SSL_OP_NO_TICKET;
static const uint64_t copenssl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t copenssl_op_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t copenssl_op_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t copenssl_op_ignore_unexpected_eof = SSL_OP_IGNORE_UNEXPECTED_EOF;
static const uint64_t copenssl_op_enable_ktls = SSL_OP_ENABLE_KTLS;
static const uint64_t copenssl_op_enable_middlebox_compat = SSL_OP_ENABLE_MIDDLEBOX_COMPAT;
static const uint64_t copenssl_op_legacy_server_connect = SSL_OP_LEGACY_SERVER_CONNECT;
static const uint64_t copenssl_op_prioritize_chacha = SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t copenssl_op_tlsext_padding = SSL_OP_TLSEXT_PADDING;
static const uint64_t copenssl_op_cryptopro_tlsext_bug = SSL_OP_CRYPTOPRO_TLSEXT_BUG;
static const uint64_t copenssl_op_dont_insert_empty_fragments =
    SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS;

static const long copenssl_session_mode = SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS;

static inline void copenssl_set_mode(SSL_CTX *context, long mode) {
  SSL_CTX_set_mode(context, mode);
}

static inline void copenssl_disable_session_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline int copenssl_set_min_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int copenssl_set_max_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_max_proto_version(context, version);
}

static inline int copenssl_set_groups(SSL_CTX *context, const char *names) {
  return (int)SSL_CTX_set1_groups_list(context, names);
}

static inline void copenssl_set_automatic_dh(SSL_CTX *context) {
  SSL_CTX_set_dh_auto(context, 1);
}

static inline void copenssl_set_read_ahead(SSL_CTX *context) {
  SSL_CTX_set_read_ahead(context, 1);
}

static inline int copenssl_set_ticket_callback(
    SSL_CTX *context, copenssl_ticket_callback callback) {
  return (int)SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callback);
}

static inline void copenssl_set_server_name_callback(
    SSL_CTX *context, copenssl_server_name_callback callback, void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, callback);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}

// Shares the store, which lives as long as one of its users.
static inline void copenssl_set_trust(SSL_CTX *context, X509_STORE *store) {
  SSL_CTX_set1_cert_store(context, store);
}

// Keeps the result of a verification, which ends no handshake: what a certificate that is not
// trusted means is for the application to say.
static inline int copenssl_note_verification(X509_STORE_CTX *verification, void *unused) {
  (void)unused;
  if (X509_verify_cert(verification) <= 0 &&
      X509_STORE_CTX_get_error(verification) == X509_V_OK)
    X509_STORE_CTX_set_error(verification, X509_V_ERR_UNSPECIFIED);
  return 1;
}

// Has clients asked for a certificate, which they need not have.
static inline void copenssl_ask_for_certificates(SSL_CTX *context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
  SSL_CTX_set_cert_verify_callback(context, copenssl_note_verification, NULL);
}

// The most bytes of the chain that a client may send.
static inline void copenssl_limit_chain(SSL_CTX *context, long size) {
  SSL_CTX_set_max_cert_list(context, size);
}

// The bytes that a name takes in a list of names for clients, with its length before it.
static inline size_t copenssl_size_of_name(X509_NAME *name) {
  int length = i2d_X509_NAME(name, NULL);
  return length < 0 ? 0 : (size_t)length + 2;
}

static inline int copenssl_set_host_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}

// Notes at `*(int *)BIO_get_callback_arg` whether a read of the socket found less than it asked for.
static long copenssl_note_read(
    BIO *bio, int operation, const char *bytes, size_t length, int number, long value, int result,
    size_t *done) {
  (void)bytes, (void)number, (void)value;
  if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && done != NULL)
    *(int *)BIO_get_callback_arg(bio) = *done < length;
  return result;
}

// Lets a session's reads be noted at `emptied`, which outlives it.
static inline void copenssl_watch_reads(SSL *ssl, int *emptied) {
  BIO *bio = SSL_get_rbio(ssl);
  BIO_set_callback_arg(bio, (char *)emptied);
  BIO_set_callback_ex(bio, copenssl_note_read);
}

// The kernel then gives a record for each read, however many there are.
static inline int copenssl_reads_by_kernel(SSL *ssl) {
  return BIO_get_ktls_recv(SSL_get_rbio(ssl));
}

// A place in every `SSL` for one pointer of the application's.
static inline int copenssl_session_index(void) {
  return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static inline int copenssl_signature_digest(SSL *ssl) {
  int nid = NID_undef;
  return SSL_get_signature_nid(ssl, &nid) ? nid : NID_undef;
}

static inline int copenssl_peer_signature_digest(SSL *ssl) {
  int nid = NID_undef;
  return SSL_get_peer_signature_nid(ssl, &nid) ? nid : NID_undef;
}

// The digest of the peer's certificate, or of its public key as that stands in the certificate
// (RFC 7469 2.4); 0 when it has none or the library does not know the digest.
static inline unsigned int copenssl_peer_fingerprint(
    SSL *ssl, const char *digest_name, int of_key, unsigned char digest[EVP_MAX_MD_SIZE]) {
  const EVP_MD *algorithm = EVP_get_digestbyname(digest_name);
  X509 *certificate = SSL_get0_peer_certificate(ssl);
  unsigned char *bytes = NULL;
  unsigned int size = 0;
  if (algorithm == NULL || certificate == NULL) return 0;
  int length = of_key ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes)
                      : i2d_X509(certificate, &bytes);
  if (length <= 0) return 0;
  if (!EVP_Digest(bytes, (size_t)length, digest, &size, algorithm, NULL)) size = 0;
  OPENSSL_free(bytes);
  return size;
}

// The peer's ephemeral key of the handshake; the caller frees it.
static inline EVP_PKEY *copenssl_peer_ephemeral_key(SSL *ssl) {
  EVP_PKEY *key = NULL;
  return SSL_get_peer_tmp_key(ssl, &key) ? key : NULL;
}

// Whether the kernel encrypts what is written.
static inline int copenssl_sends_by_kernel(SSL *ssl) {
  return BIO_get_ktls_send(SSL_get_wbio(ssl)) ? 1 : 0;
}

static inline STACK_OF(X509) *copenssl_new_chain(void) { return sk_X509_new_null(); }

// Takes the certificate over; 0 when there is no memory.
static inline int copenssl_push_chain(STACK_OF(X509) *chain, X509 *certificate) {
  return sk_X509_push(chain, certificate) > 0;
}

static inline void copenssl_free_chain(STACK_OF(X509) *chain) {
  sk_X509_pop_free(chain, X509_free);
}

static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }

static inline void copenssl_clear_free(void *memory, size_t length) {
  OPENSSL_clear_free(memory, length);
}

static inline int copenssl_is_fatal_reason(unsigned long error, int library, int reason) {
  return ERR_GET_LIB(error) == library && ERR_GET_REASON(error) == reason;
}

// The last reading of the library about a peer that left without saying so.
static inline int copenssl_is_unexpected_eof(unsigned long error) {
  return copenssl_is_fatal_reason(error, ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

static inline int copenssl_is_end_of_pem(unsigned long error) {
  return copenssl_is_fatal_reason(error, ERR_LIB_PEM, PEM_R_NO_START_LINE);
}

// Sets key and digest of a ticket's MAC; 1 on success.
static inline int copenssl_set_ticket_mac(
    EVP_MAC_CTX *mac, const unsigned char *key, size_t length) {
  OSSL_PARAM parameters[3];
  parameters[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, length);
  parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"sha256", 0);
  parameters[2] = OSSL_PARAM_construct_end();
  return EVP_MAC_CTX_set_params(mac, parameters);
}

// HMAC-SHA-256 of a text; 1 on success.
static inline int copenssl_hmac_sha256(
    const unsigned char *key, size_t key_length, const unsigned char *text, size_t text_length,
    unsigned char *digest) {
  unsigned int length = 0;
  return HMAC(EVP_sha256(), key, (int)key_length, text, text_length, digest, &length) != NULL;
}

// HMAC-MD5 of a text, 16 bytes; 0 where the library has no MD5, as in FIPS mode.
static inline int copenssl_hmac_md5(
    const unsigned char *key, size_t key_length, const unsigned char *text, size_t text_length,
    unsigned char *digest) {
  unsigned int length = 0;
  unsigned char *done =
      HMAC(EVP_md5(), key, (int)key_length, text, text_length, digest, &length);
  ERR_clear_error();
  return done != NULL && length == 16;
}

#endif
