-- The sample index database: schema version 13, two packages whose truth is the database and not the catalog.

PRAGMA foreign_keys = OFF;

CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, timestamp datetime);
CREATE TABLE operatorbundle (
    name TEXT PRIMARY KEY, csv TEXT, bundle TEXT, bundlepath TEXT, skiprange TEXT, version TEXT, replaces TEXT, skips TEXT,
    substitutesfor TEXT
);
CREATE UNIQUE INDEX pk ON operatorbundle (name, version, bundlepath);
CREATE TABLE package (
    name TEXT PRIMARY KEY, default_channel TEXT,
    FOREIGN KEY (name, default_channel) REFERENCES channel (package_name, name) ON DELETE CASCADE
);
CREATE TABLE channel (
    name TEXT, package_name TEXT, head_operatorbundle_name TEXT, PRIMARY KEY (name, package_name),
    FOREIGN KEY (head_operatorbundle_name) REFERENCES operatorbundle (name) ON DELETE CASCADE
);
CREATE TABLE channel_entry (
    entry_id INTEGER PRIMARY KEY, channel_name TEXT, package_name TEXT, operatorbundle_name TEXT, replaces INTEGER, depth INTEGER,
    FOREIGN KEY (replaces) REFERENCES channel_entry (entry_id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (channel_name, package_name) REFERENCES channel (name, package_name) ON DELETE CASCADE
);
CREATE TABLE api (
    group_name TEXT, version TEXT, kind TEXT, plural TEXT NOT NULL, PRIMARY KEY (group_name, version, kind)
);
CREATE TABLE api_provider (
    group_name TEXT, version TEXT, kind TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY (operatorbundle_name, operatorbundle_version, operatorbundle_path)
        REFERENCES operatorbundle (name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (group_name, version, kind) REFERENCES api (group_name, version, kind) ON DELETE CASCADE
);
CREATE TABLE api_requirer (
    group_name TEXT, version TEXT, kind TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY (operatorbundle_name, operatorbundle_version, operatorbundle_path)
        REFERENCES operatorbundle (name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (group_name, version, kind) REFERENCES api (group_name, version, kind) ON DELETE CASCADE
);
CREATE TABLE related_image (
    image TEXT, operatorbundle_name TEXT,
    FOREIGN KEY (operatorbundle_name) REFERENCES operatorbundle (name) ON DELETE CASCADE
);
CREATE TABLE dependencies (
    type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY (operatorbundle_name, operatorbundle_version, operatorbundle_path)
        REFERENCES operatorbundle (name, version, bundlepath) ON DELETE CASCADE
);
CREATE TABLE properties (
    type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY (operatorbundle_name, operatorbundle_version, operatorbundle_path)
        REFERENCES operatorbundle (name, version, bundlepath) ON DELETE CASCADE
);
CREATE TABLE deprecated (operatorbundle_name TEXT PRIMARY KEY);

INSERT INTO schema_migrations (version) VALUES (13);

-- lathe
INSERT INTO operatorbundle VALUES ('lathe.v3.0.0', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"lathe.v3.0.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Lathe","description":"Turns wood with a lathe.","version":"3.0.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"spindles.workshop.example","version":"v1","kind":"Spindle"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/lathe:v3.0.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"lathe.v3.0.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Lathe","description":"Turns wood with a lathe.","version":"3.0.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"spindles.workshop.example","version":"v1","kind":"Spindle"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/lathe:v3.0.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"spindles.workshop.example"}}
', 'registry.example/workshop/lathe-bundle:v3.0.0', NULL, '3.0.0', NULL, NULL, NULL);
INSERT INTO properties VALUES ('olm.package', '{"packageName":"lathe","version":"3.0.0"}', 'lathe.v3.0.0', '3.0.0', 'registry.example/workshop/lathe-bundle:v3.0.0');
INSERT INTO properties VALUES ('olm.gvk', '{"group":"workshop.example","kind":"Spindle","version":"v1"}', 'lathe.v3.0.0', '3.0.0', 'registry.example/workshop/lathe-bundle:v3.0.0');
INSERT INTO related_image VALUES ('registry.example/workshop/lathe-bundle:v3.0.0', 'lathe.v3.0.0');
INSERT INTO related_image VALUES ('registry.example/workshop/lathe:v3.0.0', 'lathe.v3.0.0');
INSERT INTO api_provider VALUES ('workshop.example', 'v1', 'Spindle', 'lathe.v3.0.0', '3.0.0', 'registry.example/workshop/lathe-bundle:v3.0.0');
INSERT INTO operatorbundle VALUES ('lathe.v3.1.0', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"lathe.v3.1.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Lathe","description":"Turns wood with a lathe.","version":"3.1.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"spindles.workshop.example","version":"v1","kind":"Spindle"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/lathe:v3.1.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"lathe.v3.1.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Lathe","description":"Turns wood with a lathe.","version":"3.1.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"spindles.workshop.example","version":"v1","kind":"Spindle"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/lathe:v3.1.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"spindles.workshop.example"}}
', 'registry.example/workshop/lathe-bundle:v3.1.0', NULL, '3.1.0', 'lathe.v3.0.0', NULL, NULL);
INSERT INTO properties VALUES ('olm.package', '{"packageName":"lathe","version":"3.1.0"}', 'lathe.v3.1.0', '3.1.0', 'registry.example/workshop/lathe-bundle:v3.1.0');
INSERT INTO properties VALUES ('olm.gvk', '{"group":"workshop.example","kind":"Spindle","version":"v1"}', 'lathe.v3.1.0', '3.1.0', 'registry.example/workshop/lathe-bundle:v3.1.0');
INSERT INTO related_image VALUES ('registry.example/workshop/lathe-bundle:v3.1.0', 'lathe.v3.1.0');
INSERT INTO related_image VALUES ('registry.example/workshop/lathe:v3.1.0', 'lathe.v3.1.0');
INSERT INTO api_provider VALUES ('workshop.example', 'v1', 'Spindle', 'lathe.v3.1.0', '3.1.0', 'registry.example/workshop/lathe-bundle:v3.1.0');
INSERT INTO api VALUES ('workshop.example', 'v1', 'Spindle', 'spindles');
INSERT INTO channel_entry VALUES (1, 'stable', 'lathe', 'lathe.v3.1.0', 2, 0);
INSERT INTO channel_entry VALUES (2, 'stable', 'lathe', 'lathe.v3.0.0', NULL, 1);
INSERT INTO channel VALUES ('stable', 'lathe', 'lathe.v3.1.0');
INSERT INTO package VALUES ('lathe', 'stable');

-- plane
INSERT INTO operatorbundle VALUES ('plane.v4.0.0', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.0.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.0.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.0.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.0.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.0.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.0.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"shavings.workshop.example"}}
', 'registry.example/workshop/plane-bundle:v4.0.0', NULL, '4.0.0', NULL, NULL, NULL);
INSERT INTO properties VALUES ('olm.package', '{"packageName":"plane","version":"4.0.0"}', 'plane.v4.0.0', '4.0.0', 'registry.example/workshop/plane-bundle:v4.0.0');
INSERT INTO properties VALUES ('olm.gvk', '{"group":"workshop.example","kind":"Shaving","version":"v1"}', 'plane.v4.0.0', '4.0.0', 'registry.example/workshop/plane-bundle:v4.0.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane-bundle:v4.0.0', 'plane.v4.0.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane:v4.0.0', 'plane.v4.0.0');
INSERT INTO api_provider VALUES ('workshop.example', 'v1', 'Shaving', 'plane.v4.0.0', '4.0.0', 'registry.example/workshop/plane-bundle:v4.0.0');
INSERT INTO operatorbundle VALUES ('plane.v4.1.0', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.1.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.1.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.1.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.1.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.1.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.1.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"shavings.workshop.example"}}
', 'registry.example/workshop/plane-bundle:v4.1.0', NULL, '4.1.0', 'plane.v4.0.0', NULL, NULL);
INSERT INTO properties VALUES ('olm.package', '{"packageName":"plane","version":"4.1.0"}', 'plane.v4.1.0', '4.1.0', 'registry.example/workshop/plane-bundle:v4.1.0');
INSERT INTO properties VALUES ('olm.gvk', '{"group":"workshop.example","kind":"Shaving","version":"v1"}', 'plane.v4.1.0', '4.1.0', 'registry.example/workshop/plane-bundle:v4.1.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane-bundle:v4.1.0', 'plane.v4.1.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane:v4.1.0', 'plane.v4.1.0');
INSERT INTO api_provider VALUES ('workshop.example', 'v1', 'Shaving', 'plane.v4.1.0', '4.1.0', 'registry.example/workshop/plane-bundle:v4.1.0');
INSERT INTO operatorbundle VALUES ('plane.v4.2.0', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.2.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.2.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.2.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}', '{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"plane.v4.2.0","annotations":{"capabilities":"Basic Install"}},"spec":{"displayName":"Plane","description":"Turns wood with a plane.","version":"4.2.0","maturity":"stable","provider":{"name":"The Workshop"},"keywords":["wood"],"customresourcedefinitions":{"owned":[{"name":"shavings.workshop.example","version":"v1","kind":"Shaving"}]},"relatedImages":[{"name":"operator","image":"registry.example/workshop/plane:v4.2.0"}],"installModes":[{"type":"AllNamespaces","supported":true}],"install":{"strategy":"deployment"}}}
{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"shavings.workshop.example"}}
', 'registry.example/workshop/plane-bundle:v4.2.0', NULL, '4.2.0', 'plane.v4.1.0', NULL, NULL);
INSERT INTO properties VALUES ('olm.package', '{"packageName":"plane","version":"4.2.0"}', 'plane.v4.2.0', '4.2.0', 'registry.example/workshop/plane-bundle:v4.2.0');
INSERT INTO properties VALUES ('olm.gvk', '{"group":"workshop.example","kind":"Shaving","version":"v1"}', 'plane.v4.2.0', '4.2.0', 'registry.example/workshop/plane-bundle:v4.2.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane-bundle:v4.2.0', 'plane.v4.2.0');
INSERT INTO related_image VALUES ('registry.example/workshop/plane:v4.2.0', 'plane.v4.2.0');
INSERT INTO api_provider VALUES ('workshop.example', 'v1', 'Shaving', 'plane.v4.2.0', '4.2.0', 'registry.example/workshop/plane-bundle:v4.2.0');
INSERT INTO api VALUES ('workshop.example', 'v1', 'Shaving', 'shavings');
INSERT INTO channel_entry VALUES (3, 'stable', 'plane', 'plane.v4.2.0', 4, 0);
INSERT INTO channel_entry VALUES (4, 'stable', 'plane', 'plane.v4.1.0', 5, 1);
INSERT INTO channel_entry VALUES (5, 'stable', 'plane', 'plane.v4.0.0', NULL, 2);
INSERT INTO channel VALUES ('stable', 'plane', 'plane.v4.2.0');
INSERT INTO package VALUES ('plane', 'stable');

INSERT INTO dependencies VALUES ('olm.package', '{"packageName":"plane","version":">=4.0.0"}', 'lathe.v3.1.0', '3.1.0', 'registry.example/workshop/lathe-bundle:v3.1.0');
