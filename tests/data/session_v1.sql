BEGIN TRANSACTION;
CREATE TABLE "audit" (
   "run" INTEGER,
   "now_ns" INTEGER,
   "what" TEXT,
   "detail" TEXT
);
INSERT INTO "audit" VALUES(1,13,'pause','{"by":"operator"}');
CREATE TABLE "denials" (
   "run" INTEGER,
   "id" TEXT,
   "last_id" TEXT,
   "symbol" TEXT,
   "strategy" TEXT,
   "mode" TEXT,
   "action" TEXT,
   "side" INTEGER,
   "reason" TEXT NOT NULL,
   "limit_value" REAL,
   "value" REAL,
   "count" INTEGER NOT NULL,
   "first_ns" INTEGER,
   "last_ns" INTEGER,
   "intent_reason" TEXT,
   "figures" TEXT,
   PRIMARY KEY ("run", "id")
);
INSERT INTO "denials" VALUES(1,'0000000000000002','0000000000000002','BTCUSDT','wall_fade','scalp','enter',1,'edge_below_cost',2.0,1.0,1,2000000000,2000000000,'wall holds','{"edge_bps":1.0,"wall_lots":12.5}');
CREATE TABLE "equity" (
   "run" INTEGER,
   "now_ns" INTEGER,
   "coin" TEXT,
   "wallet_e8" INTEGER,
   "equity_e8" INTEGER
);
INSERT INTO "equity" VALUES(1,13,'USDT',1000000000000,1000000000694);
CREATE TABLE "fills" (
   "run" INTEGER,
   "client_id" TEXT,
   "trade_id" TEXT,
   "symbol" TEXT,
   "side" INTEGER,
   "lots" INTEGER,
   "price" INTEGER,
   "liquidity" INTEGER,
   "fee_e8" INTEGER,
   "realised_e8" INTEGER,
   "now_ns" INTEGER
);
INSERT INTO "fills" VALUES(1,'o1','t1','BTCUSDT',1,7,100,1,-3,0,11);
CREATE TABLE "intents" (
   "run" INTEGER,
   "id" TEXT,
   "now_ns" INTEGER,
   "symbol" TEXT,
   "market" INTEGER,
   "strategy" TEXT,
   "mode" TEXT,
   "action" TEXT,
   "side" INTEGER,
   "reason" TEXT,
   "entry" TEXT,
   "limit_ticks" INTEGER,
   "invalidation_ticks" INTEGER,
   "figures" TEXT,
   PRIMARY KEY ("run", "id")
);
INSERT INTO "intents" VALUES(1,'0000000000000001',1000000000,'BTCUSDT',0,'wall_fade','scalp','enter',1,'wall holds','post_only',100,90,'{"confidence":0.75,"conflicted":false,"drift_bps":0.0,"entry_ttl_ns":0,"fraction":1.0,"max_lots":0.0,"stop_bps":0.0,"target_bps":0.0,"targets":[],"time_stop_ns":0,"wall":0,"wall_lots":12.5}');
CREATE TABLE "orders" (
   "run" INTEGER,
   "client_id" TEXT,
   "intent_id" TEXT,
   "symbol" TEXT,
   "market" INTEGER,
   "side" INTEGER,
   "type" INTEGER,
   "role" TEXT,
   "lots" INTEGER,
   "price" INTEGER,
   "trigger_price" INTEGER,
   "trigger_by" INTEGER,
   "time_in_force" INTEGER,
   "reduce_only" INTEGER,
   "sent_ns" INTEGER,
   PRIMARY KEY ("run", "client_id")
);
INSERT INTO "orders" VALUES(1,'o1','0000000000000001','BTCUSDT',0,1,0,'entry',7,100,0,0,0,0,9);
CREATE TABLE "plans" (
   "run" INTEGER,
   "intent_id" TEXT,
   "now_ns" INTEGER,
   "lots" INTEGER,
   "stop_ticks" INTEGER,
   "explore" INTEGER,
   "risk_e8" INTEGER,
   "figures" TEXT,
   PRIMARY KEY ("run", "intent_id")
);
INSERT INTO "plans" VALUES(1,'0000000000000001',1000000000,7,90,1,25000000,'{"kelly":0.1}');
CREATE TABLE "readings" (
   "run" INTEGER,
   "now_ns" INTEGER,
   "symbol" TEXT,
   "cause" TEXT,
   "figures" TEXT
);
INSERT INTO "readings" VALUES(1,11,'BTCUSDT','0000000000000001','{"bias":0.2}');
CREATE TABLE "reports" (
   "run" INTEGER,
   "kind" INTEGER,
   "client_id" TEXT,
   "symbol" TEXT,
   "market" INTEGER,
   "venue_ns" INTEGER,
   "now_ns" INTEGER,
   "side" INTEGER,
   "lots" INTEGER,
   "price" INTEGER,
   "left_lots" INTEGER,
   "liquidity" INTEGER,
   "reason" INTEGER,
   "fee_e8" INTEGER,
   "realised_e8" INTEGER,
   "funding_e8" INTEGER
);
INSERT INTO "reports" VALUES(1,3,'o1','BTCUSDT',0,10,11,1,7,100,0,0,0,-3,0,0);
CREATE TABLE "runs" (
   "id" INTEGER PRIMARY KEY,
   "kind" TEXT,
   "state" TEXT,
   "started_ns" INTEGER,
   "ended_ns" INTEGER,
   "header" TEXT,
   "summary" TEXT
);
INSERT INTO "runs" VALUES(1,'paper','ended',2,14,'{"seed":1}','{"rows":3}');
CREATE TABLE "sessions" (
   "name" TEXT PRIMARY KEY,
   "created_ns" INTEGER,
   "header" TEXT
);
INSERT INTO "sessions" VALUES('paper',1,'{"seed":1}');
CREATE TABLE "state" (
   "key" TEXT PRIMARY KEY,
   "now_ns" INTEGER,
   "value" TEXT NOT NULL
);
INSERT INTO "state" VALUES('session',13,'{"source":{"starts":1}}');
CREATE TABLE "trades" (
   "run" INTEGER,
   "id" TEXT,
   "symbol" TEXT,
   "market" INTEGER,
   "strategy" TEXT,
   "mode" TEXT,
   "side" INTEGER,
   "stage" TEXT,
   "explore" INTEGER,
   "coin" TEXT,
   "opened_ns" INTEGER,
   "filled_ns" INTEGER,
   "closed_ns" INTEGER,
   "hold_ns" INTEGER,
   "planned_lots" INTEGER,
   "filled_lots" INTEGER,
   "open_lots" INTEGER,
   "entry_price" REAL,
   "exit_price" REAL,
   "stop" INTEGER,
   "first_stop" INTEGER,
   "targets_hit" INTEGER,
   "gross_e8" INTEGER,
   "fees_e8" INTEGER,
   "funding_e8" INTEGER,
   "net_e8" INTEGER,
   "risk_e8" INTEGER,
   "best_bps" REAL,
   "worst_bps" REAL,
   "unprotected_ns" INTEGER,
   "unprotected_max_ns" INTEGER,
   "reason" TEXT,
   "detail" TEXT,
   "figures" TEXT,
   PRIMARY KEY ("run", "id")
);
INSERT INTO "trades" VALUES(1,'t1','BTCUSDT',0,'wall_fade','scalp',1,'closed',0,'USDT',9,11,20,9,7,7,0,100.0,101.0,90,90,1,700,6,0,694,10,100.0,-1.0,1,1,'target','','{}');
CREATE TABLE "transitions" (
   "run" INTEGER,
   "now_ns" INTEGER,
   "machine" TEXT,
   "subject" TEXT,
   "old" TEXT,
   "new" TEXT,
   "detail" TEXT
);
INSERT INTO "transitions" VALUES(1,12,'trust','BTCUSDT','trusted','suspect','{"age_ms":700}');
CREATE INDEX "idx_reports_client_id"
    ON "reports" ("client_id");
CREATE INDEX "idx_fills_trade_id"
    ON "fills" ("trade_id");
CREATE INDEX "idx_orders_intent_id"
    ON "orders" ("intent_id");
CREATE INDEX "idx_equity_run_coin"
    ON "equity" ("run", "coin");
COMMIT;
PRAGMA user_version = 1;
